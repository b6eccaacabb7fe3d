//! `ebbtide rehearse`: from arguments to an exit code.

mod args;
#[cfg(test)]
mod documented;
mod plan;
mod run;
mod values;

pub(crate) use args::RehearseArgs;
pub(crate) use run::run;
