use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::LameDuck;

/// The platform that runs the process, detected from its environment.
///
/// The grace periods are the platforms' defaults: no platform passes the configured value to the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Platform {
    /// Kubernetes: `terminationGracePeriodSeconds`, 30 s by default.
    Kubernetes,
    /// Amazon ECS: `stopTimeout`, 30 s by default.
    Ecs,
    /// Cloud Run: 10 s, fixed.
    #[serde(alias = "cloud_run")]
    CloudRun,
    /// Nomad: `kill_timeout`, 5 s by default.
    Nomad,
    /// Fly.io: `kill_timeout`, 5 s by default.
    Fly,
    /// Heroku: 30 s, fixed. SIGTERM may be sent more than once.
    Heroku,
    /// systemd: `TimeoutStopSec`, 90 s by default.
    Systemd,
    /// No platform recognised: a laptop, a VM, `docker run` (10 s).
    Plain,
}

impl Platform {
    /// Detects the platform from environment variables and the id of this process.
    ///
    /// Kubernetes is checked first: Knative on Kubernetes sets Cloud Run's variables too. systemd requires a
    /// `SYSTEMD_EXEC_PID` that equals `pid`, or a notify socket, because every shell below a unit inherits its other variables.
    pub fn detect(var: impl Fn(&str) -> Option<String>, pid: u32) -> Self {
        let set = |name: &str| var(name).is_some_and(|value| !value.is_empty());
        if set("KUBERNETES_SERVICE_HOST") {
            Self::Kubernetes
        } else if set("ECS_CONTAINER_METADATA_URI_V4") || set("ECS_CONTAINER_METADATA_URI") {
            Self::Ecs
        } else if set("K_SERVICE") && set("K_REVISION") {
            Self::CloudRun
        } else if set("NOMAD_ALLOC_ID") {
            Self::Nomad
        } else if set("FLY_APP_NAME") || set("FLY_MACHINE_ID") {
            Self::Fly
        } else if set("DYNO") {
            Self::Heroku
        } else if set("NOTIFY_SOCKET") || var("SYSTEMD_EXEC_PID").is_some_and(|p| p == pid.to_string()) {
            Self::Systemd
        } else {
            Self::Plain
        }
    }

    /// Returns the platform's default grace period.
    pub fn grace(self) -> Duration {
        Duration::from_secs(match self {
            Self::Kubernetes | Self::Ecs | Self::Heroku => 30,
            Self::CloudRun | Self::Plain => 10,
            Self::Nomad | Self::Fly => 5,
            Self::Systemd => 90,
        })
    }

    /// Returns the platform's default lame duck: how long its traffic needs to move away after the signal.
    ///
    /// Kubernetes sends the signal and removes the endpoint concurrently. On ECS (except Spot), Nomad and Cloud Run the traffic
    /// has usually moved away before the signal.
    pub fn lame_duck(self) -> LameDuck {
        let (min, quiet, max) = match self {
            Self::Kubernetes => (5000, 1000, 15_000),
            Self::Ecs | Self::Heroku => (1000, 1000, 10_000),
            Self::CloudRun => (0, 500, 2000),
            Self::Nomad | Self::Fly => (0, 300, 1000),
            Self::Systemd | Self::Plain => (250, 250, 2000),
        };
        LameDuck {
            min: Duration::from_millis(min),
            quiet: Duration::from_millis(quiet),
            max: Duration::from_millis(max),
        }
    }

    /// Returns whether the platform sends the stop signal more than once, so that a second one has no meaning.
    pub fn repeats_signal(self) -> bool {
        self == Self::Heroku
    }

    /// Returns the platform's name in the plan.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kubernetes => "kubernetes",
            Self::Ecs => "ecs",
            Self::CloudRun => "cloud-run",
            Self::Nomad => "nomad",
            Self::Fly => "fly",
            Self::Heroku => "heroku",
            Self::Systemd => "systemd",
            Self::Plain => "plain",
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detect(vars: &[(&str, &str)]) -> Platform {
        let find = |name: &str| vars.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
        Platform::detect(find, 42)
    }

    #[test]
    fn each_platform_is_recognised_from_its_environment() {
        assert_eq!(detect(&[]), Platform::Plain);
        assert_eq!(detect(&[("KUBERNETES_SERVICE_HOST", "10.0.0.1")]), Platform::Kubernetes);
        assert_eq!(detect(&[("ECS_CONTAINER_METADATA_URI_V4", "x")]), Platform::Ecs);
        assert_eq!(detect(&[("K_SERVICE", "a"), ("K_REVISION", "b")]), Platform::CloudRun);
        assert_eq!(detect(&[("NOMAD_ALLOC_ID", "a")]), Platform::Nomad);
        assert_eq!(detect(&[("FLY_APP_NAME", "a")]), Platform::Fly);
        assert_eq!(detect(&[("DYNO", "web.1")]), Platform::Heroku);
        assert_eq!(detect(&[("SYSTEMD_EXEC_PID", "42")]), Platform::Systemd);
    }

    #[test]
    fn a_shell_below_a_systemd_unit_is_not_systemd() {
        assert_eq!(detect(&[("INVOCATION_ID", "a"), ("SYSTEMD_EXEC_PID", "41")]), Platform::Plain);
    }

    #[test]
    fn knative_on_kubernetes_is_kubernetes() {
        let vars = [("K_SERVICE", "a"), ("K_REVISION", "b"), ("KUBERNETES_SERVICE_HOST", "x")];
        assert_eq!(detect(&vars), Platform::Kubernetes);
    }
}
