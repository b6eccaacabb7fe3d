//! Jobs of Nomad in HCL and JSON, and what the configuration of its clients allows.

mod fields;
mod file;
mod group;
mod task;
mod template;

pub(crate) use file::{add, is_nomad};
