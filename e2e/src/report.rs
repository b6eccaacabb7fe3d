#![expect(clippy::panic, reason = "a service without a report fails its test")]

use std::path::Path;
use std::time::Duration;

use ebbtide::{Phase, Report};
use tempfile::NamedTempFile;

/// The file to which a service writes its report.
#[derive(Debug)]
pub struct ReportFile(NamedTempFile);

impl ReportFile {
    /// Makes an empty file, for `EBBTIDE_REPORT`.
    ///
    /// # Panics
    ///
    /// When it cannot be made.
    pub fn new() -> Self {
        Self(NamedTempFile::new().unwrap_or_else(|error| panic!("no file: {error}")))
    }

    /// Returns where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Returns the report of a service that has ended.
    ///
    /// # Panics
    ///
    /// When it has not written one.
    pub fn read(&self) -> Report {
        let text = std::fs::read(self.path()).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_else(|error| panic!("no report: {error}"))
    }

    /// Returns how long the lame duck lasted, by the service's own clock.
    ///
    /// # Panics
    ///
    /// When there was none, and as [`read`](Self::read).
    pub fn lame_duck(&self) -> Duration {
        let report = self.read();
        let began = |phase| report.phases.iter().find(|change| change.phase == phase).map(|change| change.at);
        match (began(Phase::LameDuck), began(Phase::Draining)) {
            (Some(from), Some(to)) => to.saturating_sub(from),
            _ => panic!("no lame duck: {:?}", report.phases),
        }
    }
}

impl Default for ReportFile {
    fn default() -> Self {
        Self::new()
    }
}
