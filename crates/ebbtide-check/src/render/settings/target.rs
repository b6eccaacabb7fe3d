use super::{compose, ecs, kubernetes, nomad, systemd};
use crate::engine::ServicePlan;

/// A platform that settings are written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A patch of a Deployment.
    Kubernetes,
    /// Resources of a CloudFormation template.
    Ecs,
    /// A service of a Compose file.
    Compose,
    /// A drop-in of a unit.
    Systemd,
    /// A job.
    Nomad,
}

/// Returns the settings under which a service with this plan stops in time, with the course of a stop as comments. `name` is that of the
/// service: letters, digits and `-`.
///
/// The check finds no error and no warning in them.
pub fn settings(plan: &ServicePlan, target: Target, name: &str) -> String {
    let times = plan.times();
    match target {
        Target::Kubernetes => kubernetes::settings(times, name),
        Target::Ecs => ecs::settings(times, name),
        Target::Compose => compose::settings(times, name),
        Target::Systemd => systemd::settings(times, name),
        Target::Nomad => nomad::settings(times, name),
    }
}
