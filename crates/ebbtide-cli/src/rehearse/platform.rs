//! How platforms stop a process: the stop signal, and the time until SIGKILL.

use std::time::Duration;

use clap::ValueEnum;
use ebbtide_core::model;
use ebbtide_rehearse::StopSignal;

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
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_book_has_the_stop_of_each_platform() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/book/src/command/rehearse.md");
        let page = fs::read_to_string(page).unwrap();
        for platform in StopPlatform::value_variants() {
            let name = platform.to_possible_value().unwrap();
            let row = format!(
                "| `{}` | {} | {} s |",
                name.get_name(),
                platform.signal().name(),
                platform.grace().as_secs()
            );
            assert!(page.lines().any(|line| line == row), "docs/book/src/command/rehearse.md lacks: {row}");
        }
    }
}
