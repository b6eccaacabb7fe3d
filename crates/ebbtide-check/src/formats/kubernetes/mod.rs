//! Kubernetes manifests, and what `helm template` and `kustomize build` print.

mod config;
mod container;
mod join;
mod object;
mod overlaid;
mod pod;
mod policy;
mod probe;
mod scalar;
mod scaler;
mod selector;
mod traffic;
mod workload;

pub(crate) use join::join;
pub(crate) use object::{Objects, add, is_object, objects, workload_of};
pub(crate) use overlaid::{Overlaid, Overlay};
pub(crate) use pod::add_annotations;
