/// What runs a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Platform {
    Kubernetes,
    /// An image by itself, as its Dockerfile describes it. It has no grace period: what runs it decides.
    Image,
    Compose,
    Ecs,
    Systemd,
    Nomad,
    Knative,
    CloudRun,
    Fly,
    ContainerApps,
    Render,
    Heroku,
}

impl Platform {
    /// Returns whether the grace period is the platform's, and no file can set it.
    pub(crate) fn has_fixed_grace(self) -> bool {
        matches!(self, Self::CloudRun | Self::Heroku)
    }

    /// Returns the name of the setting of the grace period.
    pub(crate) fn grace_name(self) -> &'static str {
        match self {
            Self::Kubernetes | Self::ContainerApps => "terminationGracePeriodSeconds",
            Self::Image => "docker stop --timeout",
            Self::Compose => "stop_grace_period",
            Self::Ecs => "stopTimeout",
            Self::Systemd => "TimeoutStopSec",
            Self::Nomad | Self::Fly => "kill_timeout",
            Self::Knative => "timeoutSeconds",
            Self::CloudRun => "limit of Cloud Run",
            Self::Render => "maxShutdownDelaySeconds",
            Self::Heroku => "limit of Heroku",
        }
    }
}
