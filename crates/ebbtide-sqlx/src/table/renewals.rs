use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ebbtide::model::part;
use sqlx::pool::PoolOptions;
use sqlx::{Database, Pool};
use tokio::time::timeout;

/// The dedicated connection for lease renewals. Handlers may hold every connection of the pool for longer than a
/// lease.
///
/// It is opened for the first renewal, with the options and the hooks of the pool, and closed when the consumer
/// stops. Where it cannot be opened, or connects to another database than the pool (SQLite in memory), renewals use
/// the pool.
#[derive(Debug)]
pub(crate) struct Renewals<DB: Database> {
    own: Mutex<Option<Pool<DB>>>,
}

impl<DB: Database> Default for Renewals<DB> {
    fn default() -> Self {
        Self { own: Mutex::new(None) }
    }
}

impl<DB: Database> Renewals<DB> {
    /// Runs a renewal over the dedicated connection. Falls back to the pool if that fails, finds no row to renew, or
    /// takes longer than a sixth of the lease, which leaves half of the time until the next renewal. `renew` returns
    /// the number of rows it found.
    ///
    /// # Errors
    ///
    /// Returns the error of the pool if both fail.
    pub(crate) async fn renew<F>(
        &self,
        pool: &Pool<DB>,
        lease: Duration,
        renew: impl Fn(Pool<DB>) -> F,
    ) -> Result<(), sqlx::Error>
    where
        F: Future<Output = Result<u64, sqlx::Error>>,
    {
        let patience = part(lease, 1, 6);
        match timeout(patience, renew(self.own(pool))).await {
            // Either every lease is lost, or this is not the database of the pool.
            Ok(Ok(0)) => {}
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) => {
                let error = ebbtide::adapter::chain(&error);
                tracing::debug!(error, "lease renewal connection failed; using the pool");
            }
            Err(_) => {
                tracing::debug!(?patience, "lease renewal connection timed out; using the pool")
            }
        }
        renew(pool.clone()).await.map(drop)
    }

    /// Closes the connection. The next renewal opens another one.
    pub(crate) async fn close(&self) {
        let own = self.lock().take();
        if let Some(own) = own {
            own.close().await;
        }
    }

    fn own(&self, pool: &Pool<DB>) -> Pool<DB> {
        let mut own = self.lock();
        let open = || {
            let options: PoolOptions<DB> = pool.options().clone();
            let options = options.min_connections(0).max_connections(1);
            options.connect_lazy_with((*pool.connect_options()).clone())
        };
        own.get_or_insert_with(open).clone()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Pool<DB>>> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns a warning if handlers that hold connections can leave none to fetch and settle jobs.
pub(crate) fn limitation<DB: Database>(pool: &Pool<DB>, concurrency: usize) -> Option<String> {
    let connections = pool.options().get_max_connections();
    (u64::from(connections) <= concurrency as u64).then(|| {
        format!(
            "pool of {connections} for {concurrency} concurrent jobs: \
             no connection is left to fetch and settle jobs when every handler holds one"
        )
    })
}
