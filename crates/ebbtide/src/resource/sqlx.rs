use sqlx::{Database, Pool};

use crate::lifecycle::{Held, Life};

/// Pools of database connections.
impl Life {
    /// Registers a pool of sqlx, which is closed when everything that uses it has stopped.
    ///
    /// From then on it gives out no connection, and waits for those that are in use: a pool whose `close` hangs, because somebody
    /// keeps a connection, is reported with their number. PostgreSQL is told of each connection's end, so that none lingers
    /// there.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use ebbtide::{Backoff, BoxError, Life};
    /// use sqlx::PgPool;
    ///
    /// # async fn start(life: Life, url: String) -> Result<(), BoxError> {
    /// let pool = life.retry("postgres", Backoff::default(), async || PgPool::connect(&url).await).await?;
    /// let pool = life.sqlx("postgres", pool);
    /// # drop(pool);
    /// # Ok(()) }
    /// ```
    pub fn sqlx<DB: Database>(&self, name: impl Into<String>, pool: Pool<DB>) -> Pool<DB> {
        self.resource_holding(name, pool, in_use, |pool| async move {
            pool.close().await;
            Ok(())
        })
    }
}

fn in_use<DB: Database>(pool: &Pool<DB>) -> Held {
    // Two numbers of which each is right and both may be of different moments: never more idle than there are.
    let in_use = u64::from(pool.size()).saturating_sub(pool.num_idle() as u64);
    Held::new(in_use, if in_use == 1 { "connection in use" } else { "connections in use" })
}
