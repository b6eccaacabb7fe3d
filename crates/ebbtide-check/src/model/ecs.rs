use std::time::Duration;

use super::{Container, Declared};
use crate::input::Place;

/// A service of ECS: how many tasks run, and what replaces them.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    pub(crate) desired: Declared<u32>,
    pub(crate) minimum_percent: Declared<u32>,
    pub(crate) maximum_percent: Declared<u32>,
    /// Whether ECS itself replaces the tasks, within both percentages. CodeDeploy, an external controller and the strategies that start every
    /// new task first do not.
    pub(crate) is_rolling: bool,
    /// Where it asks for Fargate Spot.
    pub(crate) spot: Option<Place>,
    /// Where it names a load balancer.
    pub(crate) load_balancer: Option<Place>,
    /// How long health checks of a new task do not count.
    pub(crate) health_grace: Declared<Duration>,
    /// The target groups of its load balancers that are in the input.
    pub(crate) target_groups: Vec<TargetGroup>,
    /// The longest stop timeout of its task definition, if that is in the input.
    pub(crate) stop_timeout: Option<Declared<Duration>>,
    /// The containers of its task definition, if that is in the input.
    pub(crate) containers: Vec<Container>,
}

/// A target group of a load balancer.
#[derive(Clone, Debug)]
pub(crate) struct TargetGroup {
    pub(crate) deregistration: Declared<Duration>,
    pub(crate) interval: Declared<u32>,
    /// How long its load balancer keeps a connection without data, if that is the only one in the input that speaks HTTP.
    pub(crate) idle_timeout: Option<Declared<Duration>>,
    pub(crate) place: Place,
}
