use std::time::Duration;

use super::{Declared, Platform, Workload, seconds};

/// The longest kill timeout that a client of Nomad allows, if it sets none.
const MAX_KILL_TIMEOUT: Duration = seconds(30);

/// Everything that was found in the input.
#[derive(Debug, Default)]
pub(crate) struct Project {
    pub(crate) workloads: Vec<Workload>,
}

impl Project {
    /// Returns the workloads of a platform.
    pub(crate) fn on(&self, platform: Platform) -> impl Iterator<Item = &Workload> {
        self.workloads.iter().filter(move |workload| workload.platform == platform)
    }

    /// Returns the longest kill timeout that a client of Nomad allows. Clients differ, and which of them runs a task is not in the files: the most
    /// generous one counts.
    pub(crate) fn max_kill_timeout(&self) -> Declared<Duration> {
        let clients = self.on(Platform::Nomad).filter_map(|client| client.max_kill_timeout.clone());
        clients
            .max_by_key(|limit| limit.value().copied().unwrap_or(Duration::MAX))
            .unwrap_or(Declared::Default(MAX_KILL_TIMEOUT))
    }

    /// Returns the workloads that Docker or Podman run on one machine.
    pub(crate) fn on_engines(&self) -> impl Iterator<Item = &Workload> {
        self.workloads.iter().filter(|workload| workload.platform.is_engine())
    }

    /// Returns the workloads that are containers whose commands their files may have, and the images.
    pub(crate) fn with_containers(&self) -> impl Iterator<Item = &Workload> {
        let others = [Platform::Ecs, Platform::Nomad].into_iter().flat_map(|platform| self.on(platform));
        self.with_commands().chain(self.with_pods()).chain(others)
    }

    /// Returns the workloads whose containers are written as those of a pod: `command` replaces the entry point of the image.
    pub(crate) fn with_pods(&self) -> impl Iterator<Item = &Workload> {
        let platforms =
            [Platform::Kubernetes, Platform::Knative, Platform::CloudRun, Platform::ContainerApps];
        platforms.into_iter().flat_map(|platform| self.on(platform))
    }

    /// Returns the images, and the workloads on engines, whose files may replace the command of the image.
    pub(crate) fn with_commands(&self) -> impl Iterator<Item = &Workload> {
        self.on(Platform::Image).chain(self.on_engines())
    }
}
