use super::{Platform, Workload};

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
}
