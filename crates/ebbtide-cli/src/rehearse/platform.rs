//! How platforms stop a process: the signals, who gets them, the time until SIGKILL, and how long traffic arrives.

use std::time::Duration;

use clap::ValueEnum;
use ebbtide_core::model;
use ebbtide_rehearse::{SecondSignal, StopSignal};

/// A platform whose stop is rehearsed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(super) enum StopPlatform {
    Kubernetes,
    Ecs,
    Docker,
    Systemd,
    Nomad,
    CloudRun,
    Fly,
    Heroku,
}

impl StopPlatform {
    /// Returns the signal that it sends by default. Nomad sends SIGINT to tasks of exec, raw_exec and java.
    pub(super) fn signal(self) -> StopSignal {
        match self {
            Self::Nomad | Self::Fly => StopSignal::INT,
            Self::Kubernetes | Self::Ecs | Self::Docker | Self::Systemd | Self::CloudRun | Self::Heroku => {
                StopSignal::TERM
            }
        }
    }

    /// Returns its default grace period, which is that of the library.
    pub(super) fn grace(self) -> Duration {
        let platform = match self {
            Self::Kubernetes => model::Platform::Kubernetes,
            Self::Ecs => model::Platform::Ecs,
            // `docker stop`
            Self::Docker => model::Platform::Plain,
            Self::Systemd => model::Platform::Systemd,
            Self::Nomad => model::Platform::Nomad,
            Self::CloudRun => model::Platform::CloudRun,
            Self::Fly => model::Platform::Fly,
            Self::Heroku => model::Platform::Heroku,
        };
        platform.grace()
    }

    /// Returns how long it may still route new connections to the service after the stop has begun. Kubernetes stops a pod and removes
    /// it from its routing at the same time. ECS and Nomad remove the service first, and of the others no time is known.
    pub(super) fn lame_duck(self) -> Duration {
        match self {
            Self::Kubernetes => model::Platform::Kubernetes.lame_duck().min,
            Self::Ecs
            | Self::Docker
            | Self::Systemd
            | Self::Nomad
            | Self::CloudRun
            | Self::Fly
            | Self::Heroku => Duration::ZERO,
        }
    }

    /// Returns the second signal that it sends. Heroku may repeat SIGTERM, at a time that is not documented.
    pub(super) fn second_signal(self) -> Option<SecondSignal> {
        (self == Self::Heroku)
            .then_some(SecondSignal { signal: StopSignal::TERM, after: SecondSignal::USUAL })
    }

    /// Returns the exits that it counts as clean, as `--expect-exit` has them. systemd has `SuccessExitStatus=`: 0, and four signals by
    /// default. Heroku's SIGTERM also reaches the shell in which it runs a command; it logs an end by it as 143, and documents no effect.
    pub(super) fn exits(self) -> &'static str {
        match self {
            Self::Systemd => "0,signal:HUP,signal:INT,signal:TERM,signal:PIPE",
            Self::Heroku => "0,143,signal:TERM",
            Self::Kubernetes | Self::Ecs | Self::Docker | Self::Nomad | Self::CloudRun | Self::Fly => "0",
        }
    }

    /// Returns whether its grace period begins with the signal, also if something precedes that. On Kubernetes a preStop hook is a part of
    /// it. Docker Compose's `pre_stop` is none, nor is an `ExecStop=` of systemd, which has a `TimeoutStopSec` of its own, and Nomad's
    /// `shutdown_delay` and the deregistration that others have precede it.
    pub(super) fn grace_after_pre_stop(self) -> bool {
        self != Self::Kubernetes
    }

    /// Returns whether it runs the service as the first process of a container or a machine of its own, with which every other one ends.
    /// systemd and Heroku signal each process, and wait for the last one.
    pub(super) fn is_container(self) -> bool {
        match self {
            Self::Kubernetes | Self::Ecs | Self::Docker | Self::Nomad | Self::CloudRun | Self::Fly => true,
            Self::Systemd | Self::Heroku => false,
        }
    }

    /// Returns whether every process of the service gets the signal: systemd has `KillMode=control-group`, and Heroku signals each
    /// process of a dyno.
    pub(super) fn signals_all(self) -> bool {
        matches!(self, Self::Systemd | Self::Heroku)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use ebbtide_rehearse::Expected;

    use super::*;

    /// What a plan calls its platform is what `--platform` of a rehearsal takes.
    #[test]
    fn a_plan_calls_its_platform_as_the_options_do() {
        for platform in [model::Platform::CloudRun, model::Platform::Kubernetes, model::Platform::Fly] {
            let plan = model::Budget::of(platform).plan().unwrap();
            let json = serde_json::to_value(&plan).unwrap();
            let name = json["platform"].as_str().unwrap();
            assert!(plan.to_string().contains(&format!(", {name})")), "{plan}");
            assert!(StopPlatform::from_str(name, false).is_ok(), "{name}");
        }
        // As plans had it before.
        assert_eq!(
            serde_json::from_str::<model::Platform>("\"cloud_run\"").unwrap(),
            model::Platform::CloudRun
        );
    }

    #[test]
    fn each_clean_exit_is_one_that_the_option_takes() {
        for platform in StopPlatform::value_variants() {
            for exit in platform.exits().split(',') {
                assert!(Expected::parse(exit).is_some(), "{platform:?}: {exit}");
            }
        }
    }

    #[test]
    fn the_book_has_the_stop_of_each_platform() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/book/src/command/rehearse.md");
        let page = fs::read_to_string(page).unwrap();
        for platform in StopPlatform::value_variants() {
            let name = platform.to_possible_value().unwrap();
            let to = if platform.signals_all() { "every process" } else { "the first process" };
            let then = platform.second_signal().map_or_else(
                || "none".to_owned(),
                |then| format!("{} after {} s", then.signal.name(), then.after.as_secs()),
            );
            // The last column is the source.
            let row = format!(
                "| `{}` | {} to {to} | {} s | {} s | {then} | `{}` | ",
                name.get_name(),
                platform.signal().name(),
                platform.grace().as_secs(),
                platform.lame_duck().as_secs(),
                platform.exits(),
            );
            assert!(
                page.lines().any(|line| line.starts_with(&row)),
                "docs/book/src/command/rehearse.md lacks: {row}"
            );
        }
    }
}
