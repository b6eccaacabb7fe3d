use std::time::Duration;

use ebbtide::BoxError;
use uuid::Uuid;

use super::{Job, State};
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

    /// Does one job.
    ///
    /// # Errors
    ///
    /// When the database fails: the order stays as it is, and the next start takes it up.
    pub(crate) async fn run(self, job: Job) -> Result<(), BoxError> {
        let id = match job {
            Job::Left { id } => id,
            Job::New { order, stored } => {
                // Version 7 grows with time: new rows lie side by side in the index.
                let id = Uuid::now_v7().to_string();
                let result = self.store.insert(&id, &order).await;
                let failed = result.is_err();
                // Nobody listens when the client has hung up; the order is worked off all the same.
                let _ = stored.send(result.map(|()| id.clone()));
                if failed {
                    return Ok(());
                }
                tracing::debug!(id, item = order.item, quantity = order.quantity, "order stored");
                id
            }
        };
        self.work_off(&id).await
    }

    async fn work_off(&self, id: &str) -> Result<(), BoxError> {
        self.store.advance(id, State::Processing).await?;
        self.stuck.wait().await;
        tokio::time::sleep(WORK).await;
        self.store.advance(id, State::Done).await?;
        tracing::debug!(id, "order done");
        Ok(())
    }
}
