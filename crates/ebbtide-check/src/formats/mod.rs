//! From files to the model: what a file is, and one builder for each format.

pub(crate) mod builds;
mod comment;
pub(crate) mod compose;
pub(crate) mod dockerfile;
pub(crate) mod ecs;
mod facts;
pub(crate) mod gunicorn;
pub(crate) mod kamal;
pub(crate) mod kubernetes;
pub(crate) mod nomad;
pub(crate) mod paas;
pub(crate) mod paths;
mod read;
mod scalar;
mod syntax;
pub(crate) mod systemd;
mod template;
pub(crate) mod terraform;
mod times;

pub(crate) use facts::{Assumed, Facts, Format};
pub(crate) use read::read;
