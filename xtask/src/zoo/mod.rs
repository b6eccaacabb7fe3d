//! `cargo xtask zoo`: real servers, rehearsed by the command, and the verdicts that are expected of it.

mod entry;
mod install;
mod judge;
#[cfg(test)]
mod page;
mod rehearse;
mod run;

pub(crate) use run::run;
