//! `ebbtide check`.

mod args;
mod fixes;
mod format;
mod input;
mod junit;
mod replace;
mod run;

pub(crate) use args::CheckArgs;
pub(crate) use run::run;
