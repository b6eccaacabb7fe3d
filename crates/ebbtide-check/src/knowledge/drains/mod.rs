//! The drain times that the flags and the variables of known servers declare.

mod drain;
mod form;
mod runs;
mod runtime;
mod servers;
mod setting;
mod signal;
mod spring;
mod subject;
#[cfg(test)]
mod tests;
mod traefik;

pub(crate) use drain::{declare, drain_of, may_run_ebbtide, reads_variables, unreadable_drains};
pub(crate) use signal::signal_of_image;
pub(crate) use subject::server_name;
