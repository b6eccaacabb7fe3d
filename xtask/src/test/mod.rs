//! `cargo xtask test`: everything a fresh machine needs, then every test.

mod renderers;
mod run;
mod servers;
mod summary;
pub(crate) mod tools;

pub(crate) use run::{Preparations, generate, run};
pub(crate) use servers::free_port;
