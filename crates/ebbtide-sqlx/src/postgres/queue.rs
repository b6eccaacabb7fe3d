use std::sync::Arc;
use std::time::Duration;

use ebbtide::adapter::Combiner;
use sqlx::{PgConnection, PgPool, Postgres};
use tokio::sync::{Notify, Semaphore};

use super::consume::Settling;
use super::listener::NotifyListener;
use super::{PostgresQueueError, statements};
use crate::table::{DEFAULT_LEASE, NewJob, Renewals, SHORTEST, millis};

/// For what no notification told of: one that was sent while the listener was away, or a consumer that died.
const SAFETY_NET: Duration = Duration::from_secs(5);

/// A queue of jobs in a table of a PostgreSQL database. Cheap to clone.
///
/// See the [module](super) for what it guarantees.
#[derive(Clone, Debug)]
pub struct PostgresQueue {
    pub(super) pool: PgPool,
    pub(super) name: Arc<str>,
    pub(super) lease: Duration,
    pub(super) poll: Duration,
    pub(super) notifies: bool,
    pub(super) shared: Arc<PostgresState>,
}

/// What clones have in common.
#[derive(Debug)]
pub(super) struct PostgresState {
    /// So many statements settle or push at a time; what comes meanwhile gathers for the next.
    pub(super) turns: Semaphore,
    pub(super) settling: Settling,
    pushing: Combiner<Arc<NewJob>, i64, PostgresQueueError>,
    pub(super) wake: Arc<Notify>,
    pub(super) listener: NotifyListener,
    pub(super) renewals: Renewals<Postgres>,
}

impl PostgresQueue {
    /// Makes a queue over a pool of your own. There may be any number of them in one database, told apart by their names.
    pub fn new(pool: PgPool, name: impl Into<Arc<str>>) -> Self {
        // One is left for fetching.
        let turns = pool.options().get_max_connections().saturating_sub(1).max(1);
        let shared = Arc::new(PostgresState {
            turns: Semaphore::new(turns as usize),
            settling: Settling::default(),
            pushing: Combiner::default(),
            wake: Arc::default(),
            listener: NotifyListener::default(),
            renewals: Renewals::default(),
        });
        Self { pool, name: name.into(), lease: DEFAULT_LEASE, poll: SAFETY_NET, notifies: true, shared }
    }

    /// Sets how long a delivery is a consumer's without a word from it, at least 10 ms. 30 seconds unless set.
    ///
    /// The consumer extends it three times in that time, so it bounds not how long a job may run, but how long what a
    /// killed consumer held is left lying.
    #[must_use]
    pub fn lease_for(mut self, lease: Duration) -> Self {
        self.lease = lease.max(SHORTEST);
        self
    }

    /// Sets how often an idle consumer looks for jobs that no notification told of, at least 10 ms. 5 seconds unless set.
    #[must_use]
    pub fn poll_every(mut self, poll: Duration) -> Self {
        self.poll = poll.max(SHORTEST);
        self
    }

    /// Neither notifies nor listens: other processes' jobs are found by looking every so often, at least 10 ms.
    ///
    /// For pgbouncer in transaction mode, through which nobody can listen, and for thousands of pushes a second from many
    /// processes: PostgreSQL commits transactions that notify one after the other.
    #[must_use]
    pub fn poll_only(mut self, poll: Duration) -> Self {
        self.notifies = false;
        self.poll_every(poll)
    }

    /// Returns the queue's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the pool, to close it when everything that uses it has stopped.
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Makes the table `ebbtide_jobs` and its indexes where they are missing, in the first schema of the `search_path`.
    /// Several processes may do so at once.
    ///
    /// # Errors
    ///
    /// When the server cannot be reached, or the user may not make tables there and there is none.
    pub async fn create(&self) -> Result<(), PostgresQueueError> {
        let failed = PostgresQueueError::when("create the jobs table");
        sqlx::raw_sql(statements::CREATE).execute(&self.pool).await.map(drop).map_err(failed)
    }

    /// Pushes a job and returns its id, when it is stored. Those that are pushed at the same time share a commit.
    ///
    /// # Errors
    ///
    /// When it could not be stored. Where the connection [failed](PostgresQueueError::Unreachable), it may have been.
    ///
    /// # Cancel safety
    ///
    /// Whether it was pushed is unknown then.
    pub async fn push(&self, job: impl Into<NewJob>) -> Result<i64, PostgresQueueError> {
        let PostgresState { turns, pushing, .. } = &*self.shared;
        let id = pushing.submit(Arc::new(job.into()), turns, |jobs| self.push_all(jobs)).await?;
        self.wake();
        Ok(id)
    }

    /// Pushes a job in a transaction of yours and returns its id: it is stored if that is committed, with whatever else is,
    /// and consumers are told by the commit.
    ///
    /// # Errors
    ///
    /// When it could not be stored.
    ///
    /// # Cancel safety
    ///
    /// Whether it is in the transaction is unknown then: roll it back.
    pub async fn push_in(
        &self,
        connection: &mut PgConnection,
        job: impl Into<NewJob>,
    ) -> Result<i64, PostgresQueueError> {
        let ids = self.insert(connection, &[&job.into()]).await?;
        ids.first().copied().ok_or(sqlx::Error::RowNotFound).map_err(PostgresQueueError::when("push a job"))
    }

    /// Makes the idle consumers of this queue's clones look for jobs now.
    pub fn wake(&self) {
        self.shared.wake.notify_waiters();
    }

    async fn push_all(&self, jobs: Vec<Arc<NewJob>>) -> Result<Vec<i64>, PostgresQueueError> {
        let failed = PostgresQueueError::when("push a job");
        let mut connection = self.pool.acquire().await.map_err(failed)?;
        let jobs: Vec<&NewJob> = jobs.iter().map(|job| &**job).collect();
        self.insert(&mut connection, &jobs).await
    }

    async fn insert(
        &self,
        connection: &mut PgConnection,
        jobs: &[&NewJob],
    ) -> Result<Vec<i64>, PostgresQueueError> {
        let (payloads, delays): (Vec<&[u8]>, Vec<i64>) =
            jobs.iter().map(|job| (&*job.payload, millis(job.after))).unzip();
        let query = sqlx::query_as(statements::PUSH).bind(&*self.name).bind(payloads).bind(delays);
        let rows: Vec<(i64,)> = query
            .bind(self.notifies)
            .fetch_all(connection)
            .await
            .map_err(PostgresQueueError::when("push a job"))?;
        Ok(rows.into_iter().map(|(id,)| id).collect())
    }
}
