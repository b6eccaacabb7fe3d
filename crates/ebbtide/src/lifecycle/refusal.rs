//! What a program passes to the lifecycle that cannot be meant: refused at the start, before it confuses a log or a report.

use super::{Handle, Lifecycle};
use crate::model::{Cause, Phase, Spec, Stage};
use crate::runtime::log_lifecycle_error;

/// A setting or a name that the lifecycle refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("invalid name of the lifecycle: must not be empty")]
    LifecycleName,
    #[error("invalid number of worker threads 0: must be at least 1")]
    WorkerThreads,
    #[error("invalid name of a component of the stage {0}: must not be empty")]
    ComponentName(Stage),
    #[cfg_attr(
        not(feature = "axum"),
        expect(dead_code, reason = "only routers of axum can have such a route")
    )]
    #[error(
        "duplicate route GET {0}: both the router and `health_routes` have it; `Handle::health` serves the probes on a \
         listener of their own"
    )]
    HealthRoute(&'static str),
}

impl Lifecycle {
    /// Checks the settings that the type of their arguments does not.
    pub(super) fn check_settings(&self) -> Result<(), Refusal> {
        if is_blank(&self.name) {
            return Err(Refusal::LifecycleName);
        }
        if self.worker_threads == Some(0) { Err(Refusal::WorkerThreads) } else { Ok(()) }
    }
}

impl Handle {
    /// Makes the start-up fail for what it registers. Once the service is ready, it is only logged: a service that serves is not
    /// stopped for a name.
    pub(crate) fn refuse(&self, refusal: Refusal) {
        let error = refusal.to_string();
        log_lifecycle_error(self.lifecycle_name(), &error);
        if self.phase() == Phase::Starting {
            self.begin_stop(Cause::StartUpFailed { error });
        }
    }

    /// Refuses a component without a name: no line of the log and no entry of the report would tell which one it is.
    pub(super) fn check_name(&self, spec: &Spec) {
        if is_blank(&spec.name) {
            self.refuse(Refusal::ComponentName(spec.stage));
        }
    }
}

fn is_blank(name: &str) -> bool {
    name.trim().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_form;

    #[test]
    fn error_texts_have_the_form() {
        error_form::walk! {
            Refusal::LifecycleName => Refusal::LifecycleName;
            Refusal::WorkerThreads => Refusal::WorkerThreads;
            Refusal::ComponentName(_) => Refusal::ComponentName(Stage::Servers);
            Refusal::HealthRoute(_) => Refusal::HealthRoute("/readyz");
        }
    }
}
