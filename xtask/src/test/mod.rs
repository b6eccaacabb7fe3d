//! `cargo xtask test`: everything a fresh machine needs, then every test.

mod postgres;
mod run;
mod summary;
mod tools;

pub(crate) use run::run;
