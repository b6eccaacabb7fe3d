use ebbtide::{BoxError, LameDuck, Life, Lifecycle};

use super::{
    Fault, KeepJobs, StuckWorker, blocked_runtime, exit_early, ignore_signal, leak_connection, slow_close,
};
use crate::store::Store;

/// The faults that were asked for; usually none.
#[derive(Clone, Debug)]
pub(crate) struct Faults {
    wanted: Vec<Fault>,
}

impl Faults {
    pub(crate) fn new(wanted: &[Fault]) -> Self {
        Self { wanted: wanted.to_vec() }
    }

    pub(crate) fn on(&self, fault: Fault) -> bool {
        self.wanted.contains(&fault)
    }

    /// Takes the lame duck from a service that is to close its listener at once.
    pub(crate) fn budget(&self, lifecycle: Lifecycle) -> Lifecycle {
        if self.on(Fault::CloseListener) { lifecycle.lame_duck(LameDuck::NONE) } else { lifecycle }
    }

    /// Sets up what can be set up beside the service; the others are asked for where they bite.
    pub(crate) async fn arm(&self, life: &Life, store: &Store) -> Result<(), BoxError> {
        for fault in &self.wanted {
            tracing::warn!(?fault, "misbehaving on request");
            match fault {
                Fault::BlockedRuntime => blocked_runtime::arm(life),
                Fault::SlowClose => slow_close::arm(life),
                Fault::IgnoreSignal => ignore_signal::arm()?,
                Fault::LeakConnection => leak_connection::arm(store).await?,
                Fault::ExitEarly => exit_early::arm(life),
                Fault::StuckWorker
                | Fault::CloseListener
                | Fault::NoReadinessFlip
                | Fault::KeepJobs
                | Fault::LoseLog => {}
            }
        }
        Ok(())
    }

    /// Returns what the consumer takes its jobs from.
    pub(crate) fn queue<Q>(&self, queue: Q) -> KeepJobs<Q> {
        KeepJobs { queue, wanted: self.on(Fault::KeepJobs) }
    }

    pub(crate) fn stuck_worker(&self) -> StuckWorker {
        StuckWorker::new(self.on(Fault::StuckWorker))
    }
}
