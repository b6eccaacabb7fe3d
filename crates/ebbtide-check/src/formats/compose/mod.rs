//! Compose files.

mod file;
mod join;
mod service;

pub(crate) use file::{add, is_compose};
pub(crate) use join::{clean, join};
