//! `ebbtide rehearse`: from arguments to an exit code.

mod args;
mod calls;
mod combinations;
mod conclude;
mod help;
mod init;
mod init_calls;
mod init_given;
mod origins;
mod plan;
mod platform;
mod run;
mod service;
mod settings;
mod shapes;
mod signals;
mod stop;
mod survey;
mod values;

pub(crate) use args::RehearseArgs;
#[cfg(test)]
pub(crate) use calls::BadCalls;
pub(crate) use conclude::conclude;
#[cfg(test)]
pub(crate) use plan::{BadPlan, scenario};
pub(crate) use run::run;
