use ebbtide::BoxError;
use ebbtide::lifecycle::Pool;

use super::Job;
use crate::store::Store;

/// Sends the orders that a crash left unfinished to the workers. The service is ready when all are in the queue.
///
/// Where several services share a table, another one may have them in hand: an order is then worked off twice, and that
/// is better than not at all.
///
/// # Errors
///
/// When the database fails, or when the pool has stopped.
pub(crate) async fn resume(store: &Store, orders: &Pool<Job>) -> Result<(), BoxError> {
    let left = store.unfinished().await?;
    if !left.is_empty() {
        tracing::warn!(orders = left.len(), "an earlier run left orders unfinished: working them off");
    }
    for id in left {
        orders
            .send(Job::Left { id })
            .await
            .map_err(|_| "the workers stopped while they were given their first jobs")?;
    }
    Ok(())
}
