//! `cargo xtask check`: what must be true of the workspace besides that its tests pass.

mod cargo;
mod documents;
mod features;
mod files;
mod layers;
mod licences;
mod run;
mod sources;

pub(crate) use features::matrix;
pub(crate) use run::run;
