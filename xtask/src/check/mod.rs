//! `cargo xtask check`: what must be true of the workspace besides that its tests pass.

mod cargo;
mod documents;
mod errors;
mod features;
mod files;
mod layers;
mod licences;
mod run;
mod sources;
mod words;

pub(crate) use features::matrix;
pub(crate) use run::run;
