//! Compose files.

mod file;
mod join;
mod merge;
mod project;
mod service;

pub(crate) use file::{add, add_part, is_compose};
pub(crate) use join::{clean, join};
pub(crate) use project::{ComposeFile, join_files};
