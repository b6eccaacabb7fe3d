//! `ebbtide rehearse`.

mod args;
mod help;
mod plan;
mod run;
mod values;

pub(crate) use args::RehearseArgs;
pub(crate) use run::run;
