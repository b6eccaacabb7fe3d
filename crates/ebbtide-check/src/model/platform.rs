/// What runs a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Platform {
    Kubernetes,
    /// An image by itself, as its Dockerfile describes it. It has no grace period: what runs it decides.
    Image,
    Compose,
    Ecs,
    Systemd,
}

impl Platform {
    /// Returns the name of the setting of the grace period.
    pub(crate) fn grace_name(self) -> &'static str {
        match self {
            Self::Kubernetes => "terminationGracePeriodSeconds",
            Self::Image => "docker stop --timeout",
            Self::Compose => "stop_grace_period",
            Self::Ecs => "stopTimeout",
            Self::Systemd => "TimeoutStopSec",
        }
    }
}
