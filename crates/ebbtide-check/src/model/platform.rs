/// What runs a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Platform {
    Kubernetes,
    /// An image by itself, as its Dockerfile describes it. It has no grace period: what runs it decides.
    Image,
    Compose,
    /// A role or an accessory of Kamal: a container of Docker.
    Kamal,
    /// A container that Podman runs inside of a unit of systemd.
    Quadlet,
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

    /// Returns whether Docker or Podman runs the containers on one machine.
    pub(crate) fn is_engine(self) -> bool {
        matches!(self, Self::Compose | Self::Kamal | Self::Quadlet)
    }

    /// Returns the name of the setting of the grace period.
    pub(crate) fn grace_name(self) -> &'static str {
        match self {
            Self::Kubernetes | Self::ContainerApps => "terminationGracePeriodSeconds",
            Self::Image => "docker stop --timeout",
            Self::Compose => "stop_grace_period",
            Self::Kamal => "stop_timeout",
            Self::Quadlet => "StopTimeout",
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
