//! `ebbtide check`.

mod args;
mod format;
mod junit;
mod run;

pub(crate) use args::CheckArgs;
pub(crate) use run::run;
