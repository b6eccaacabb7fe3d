//! `ebbtide check`.

mod args;
mod destination;
mod run;

pub(crate) use args::CheckArgs;
pub(crate) use run::run;
