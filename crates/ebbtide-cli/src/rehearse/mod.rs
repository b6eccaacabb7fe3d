//! `ebbtide rehearse`: from arguments to an exit code.

mod args;
mod conclude;
mod plan;
mod platform;
mod run;
mod stop;
mod values;

pub(crate) use args::RehearseArgs;
pub(crate) use conclude::conclude;
#[cfg(test)]
pub(crate) use plan::{BadPlan, scenario};
pub(crate) use run::run;
