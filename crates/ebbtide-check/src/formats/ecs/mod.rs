//! Task definitions and services of Amazon ECS: as JSON of the API, and as resources of CloudFormation.

mod agent;
mod conditions;
mod fields;
mod join;
mod resources;
mod service;
mod task;

pub(crate) use join::join;
pub(crate) use resources::{Resource, Resources, add, add_resource, is_ecs};
