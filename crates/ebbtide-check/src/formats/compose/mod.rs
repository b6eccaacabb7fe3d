//! Compose files.

mod env_file;
mod file;
mod merge;
mod project;
mod service;

pub(crate) use env_file::{EnvFile, assignment, has_env_name, join_env_files, read as read_env_file};
pub(crate) use file::{add, add_part, inline, is_compose};
pub(crate) use project::{ComposeFile, is_base, is_override, join_files};
