use std::time::Duration;

use ebbtide::BoxError;
use ebbtide::queue::{Job, Permanent};

use super::State;
use crate::faults::{Faults, StuckWorker};
use crate::store::Store;

/// Works orders off. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Worker {
    store: Store,
    stuck: StuckWorker,
}

/// What the work itself takes: picking, packing, printing a label.
const WORK: Duration = Duration::from_millis(3);

impl Worker {
    pub(crate) fn new(store: Store, faults: &Faults) -> Self {
        Self { store, stuck: faults.stuck_worker() }
    }

    /// Does one job: works off the order whose id it brings. One that is done already, as after a crash, is left alone.
    ///
    /// # Errors
    ///
    /// When the database fails, so that the job comes again; for good, when there is no such order.
    pub(crate) async fn run(self, job: Job) -> Result<(), BoxError> {
        let id = str::from_utf8(job.payload()).map_err(Permanent::new)?;
        if !self.store.advance(id, State::Processing).await? {
            return match self.store.find(id).await? {
                Some(_) => Ok(()),
                None => Err(stranger(id)),
            };
        }
        self.stuck.wait().await;
        tokio::time::sleep(WORK).await;
        // Of two jobs for one order, side by side, one gets here first.
        if self.store.advance(id, State::Done).await? {
            tracing::debug!(id, "order done");
        }
        Ok(())
    }
}

fn stranger(id: &str) -> BoxError {
    let hint = "does another service use the queue? give each its own with --queue-name";
    Permanent::new(format!("there is no order {id}: {hint}")).into()
}
