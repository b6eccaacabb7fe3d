use std::time::Duration;

use super::{Declared, Word};
use crate::input::Place;

/// What Kamal does around the stop of a container.
#[derive(Clone, Debug)]
pub(crate) struct KamalRole {
    /// The proxy in front of it. Without one the stop begins with the signal.
    pub(crate) proxy: Option<KamalProxy>,
    /// A stop timeout among the options of the container, which the time that Kamal passes to `docker stop` overrides.
    pub(crate) unused_timeout: Option<(Duration, Place)>,
}

/// The proxy in front of a role. It sends requests to the new container, waits for those of the old one, and cancels what is left.
#[derive(Clone, Debug)]
pub(crate) struct KamalProxy {
    pub(crate) drain_timeout: Declared<Duration>,
    pub(crate) response_timeout: Declared<Duration>,
}

/// The unit in which Podman runs a container, or the pods of a file of Kubernetes.
#[derive(Clone, Debug)]
pub(crate) struct Quadlet {
    /// How long systemd waits for Podman, which waits for the containers.
    pub(crate) unit_timeout: Declared<Duration>,
    /// Where the unit is, for a timeout that is not written.
    pub(crate) place: Place,
    /// What is different for a pod of `podman kube play`.
    pub(crate) played: Option<Played>,
}

/// A pod that Podman runs from a file of Kubernetes.
#[derive(Clone, Debug)]
pub(crate) struct Played {
    /// The preStop hooks, which Podman does not run.
    pub(crate) unused_hooks: Vec<Place>,
    /// The setting by which each stop removes volumes, and the claims of those of this pod.
    pub(crate) removal: Option<(Place, Vec<Word>)>,
}
