//! Task definitions and services of Amazon ECS: as JSON of the API, and as resources of CloudFormation.

mod fields;
mod join;
mod resources;
mod service;
mod task;

pub(crate) use join::join;
pub(crate) use resources::{Resources, add, is_ecs};
