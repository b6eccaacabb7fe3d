//! Where images are built: what joins a workload with the Dockerfile of its image. Kustomizations say so, and what they patch too.

mod bake;
mod inline;
mod join;
mod kustomization;
mod named;
mod names;
mod operations;
mod overlays;
mod patches;
mod scope;
mod skaffold;
mod strategic;
mod target;
mod touched;
mod unapplied;

pub(crate) use join::{dockerfiles, join};
pub(crate) use named::{Builds, add, inline};
pub(crate) use names::rename;
pub(crate) use overlays::apply_patches;
pub(crate) use scope::overlaid;
pub(crate) use unapplied::leave_out;
