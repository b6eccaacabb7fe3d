//! Named readiness checks.

mod register;
mod run;
