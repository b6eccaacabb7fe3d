//! From files to the model: what a file is, and one builder for each format.

pub(crate) mod compose;
pub(crate) mod dockerfile;
pub(crate) mod ecs;
mod facts;
pub(crate) mod kubernetes;
mod read;
mod scalar;
pub(crate) mod systemd;

pub(crate) use facts::{Facts, Format};
pub(crate) use read::read;
