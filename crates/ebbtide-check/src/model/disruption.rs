use std::time::Duration;

use super::{Amount, Declared};
use crate::input::Place;

/// A limit of voluntary disruptions: a PodDisruptionBudget.
#[derive(Clone, Debug)]
pub(crate) struct Disruption {
    pub(crate) name: String,
    pub(crate) place: Place,
    pub(crate) allowed: Allowed,
}

/// How a limit of disruptions is written.
#[derive(Clone, Debug)]
pub(crate) enum Allowed {
    /// So many instances have to stay.
    Available(Declared<Amount>),
    /// So many instances may be missing.
    Unavailable(Declared<Amount>),
}

/// The time that a node gives its pods when it shuts down: a KubeletConfiguration.
#[derive(Clone, Debug)]
pub(crate) struct NodeShutdown {
    pub(crate) total: Declared<Duration>,
    /// The part of it that critical pods have for themselves.
    pub(crate) critical: Declared<Duration>,
    /// The time of pods without a class of priority, if each priority has a time of its own.
    pub(crate) of_usual_pods: Option<Declared<Duration>>,
}
