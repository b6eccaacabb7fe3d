//! `cargo xtask check`: every check of the workspace except the tests.

mod book;
mod cargo;
mod documents;
mod errors;
mod features;
mod files;
mod layers;
mod licences;
mod listings;
mod run;
mod sources;
mod words;

pub(crate) use features::{matrix, workspace_and_command_with};
pub(crate) use run::run;
