//! Where images are built: what joins a workload with the Dockerfile of its image.

mod bake;
mod join;
mod kustomization;
mod named;
mod skaffold;

pub(crate) use join::join;
pub(crate) use named::{Builds, add};
