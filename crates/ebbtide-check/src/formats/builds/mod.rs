//! Where images are built: what joins a workload with the Dockerfile of its image. Kustomizations say so, and what they patch too.

mod bake;
mod join;
mod kustomization;
mod named;
mod patches;
mod skaffold;

pub(crate) use join::join;
pub(crate) use named::{Builds, add};
pub(crate) use patches::apply_patches;
