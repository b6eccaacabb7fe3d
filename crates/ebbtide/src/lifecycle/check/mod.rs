//! Named readiness checks.

mod board;
mod register;
mod run;

pub(crate) use board::Board;
