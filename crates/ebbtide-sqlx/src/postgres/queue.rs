use std::sync::Arc;
use std::time::Duration;

use ebbtide::adapter::Combiner;
use sqlx::{PgConnection, PgPool, Postgres};
use tokio::sync::{Notify, Semaphore};

use super::consume::Settling;
use super::listener::NotifyListener;
use super::{PostgresQueueError, statements};
use crate::table::{DEFAULT_LEASE, NewJob, Renewals, SHORTEST, millis};

/// Finds the jobs for which no notification arrived: it was sent while the listener was disconnected, or a consumer
/// died.
const POLL_INTERVAL: Duration = Duration::from_secs(5);

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

/// State shared by clones.
#[derive(Debug)]
pub(super) struct PostgresState {
    /// Limits the statements that settle or push at the same time. Jobs that arrive meanwhile share the next
    /// statement.
    pub(super) turns: Semaphore,
    pub(super) settling: Settling,
    pushing: Combiner<Arc<NewJob>, i64, PostgresQueueError>,
    pub(super) wake: Arc<Notify>,
    pub(super) listener: NotifyListener,
    pub(super) renewals: Renewals<Postgres>,
}

impl PostgresQueue {
    /// Creates a queue over an existing pool. One database can hold any number of queues; their names tell them
    /// apart.
    pub fn new(pool: PgPool, name: impl Into<Arc<str>>) -> Self {
        // One connection stays free for fetching.
        let turns = pool.options().get_max_connections().saturating_sub(1).max(1);
        let shared = Arc::new(PostgresState {
            turns: Semaphore::new(turns as usize),
            settling: Settling::default(),
            pushing: Combiner::default(),
            wake: Arc::default(),
            listener: NotifyListener::default(),
            renewals: Renewals::default(),
        });
        Self { pool, name: name.into(), lease: DEFAULT_LEASE, poll: POLL_INTERVAL, notifies: true, shared }
    }

    /// Sets the lease: how long a delivery belongs to a consumer that does not renew it. At least 10 ms. Default: 30
    /// s.
    ///
    /// The consumer renews the lease three times in that time. So the lease does not limit how long a job may run. It
    /// limits how long the jobs of a killed consumer stay undelivered.
    #[must_use]
    pub fn lease_for(mut self, lease: Duration) -> Self {
        self.lease = lease.max(SHORTEST);
        self
    }

    /// Sets how often an idle consumer polls for jobs without a notification, at least 10 ms. Default: 5 s.
    #[must_use]
    pub fn poll_every(mut self, poll: Duration) -> Self {
        self.poll = poll.max(SHORTEST);
        self
    }

    /// Disables `NOTIFY` and `LISTEN`: the consumer polls for the jobs of other processes at this interval, at least
    /// 10 ms.
    ///
    /// Use it with pgbouncer in transaction mode, which does not support `LISTEN`, and for thousands of pushes a
    /// second from many processes: PostgreSQL serializes the commits of transactions that notify.
    #[must_use]
    pub fn poll_only(mut self, poll: Duration) -> Self {
        self.notifies = false;
        self.poll_every(poll)
    }

    /// Returns the name of the queue.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the pool. Close it when everything that uses it has stopped.
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Creates the table `ebbtide_jobs` and its indexes if they do not exist, in the first schema of the
    /// `search_path`. Several processes may call it at the same time.
    ///
    /// # Errors
    ///
    /// Returns an error if the server cannot be reached, or if the table does not exist and the user may not create
    /// it.
    pub async fn create(&self) -> Result<(), PostgresQueueError> {
        let failed = PostgresQueueError::when("create the jobs table");
        sqlx::raw_sql(statements::CREATE).execute(&self.pool).await.map(drop).map_err(failed)
    }

    /// Pushes a job and returns its id when it is stored. Pushes that are made at the same time share a commit.
    ///
    /// # Errors
    ///
    /// Returns an error if the job could not be stored. After [`Unreachable`](PostgresQueueError::Unreachable), the
    /// job may have been stored.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the job may or may not have been pushed.
    pub async fn push(&self, job: impl Into<NewJob>) -> Result<i64, PostgresQueueError> {
        let PostgresState { turns, pushing, .. } = &*self.shared;
        let id = pushing.submit(Arc::new(job.into()), turns, |jobs| self.push_all(jobs)).await?;
        self.wake();
        Ok(id)
    }

    /// Pushes a job in a caller's transaction and returns its id. The job is stored if the transaction is committed,
    /// and the commit notifies the consumers.
    ///
    /// # Errors
    ///
    /// Returns an error if the job could not be stored.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the transaction may or may not contain the job. Roll it back.
    pub async fn push_in(
        &self,
        connection: &mut PgConnection,
        job: impl Into<NewJob>,
    ) -> Result<i64, PostgresQueueError> {
        let ids = self.insert(connection, &[&job.into()]).await?;
        ids.first().copied().ok_or(sqlx::Error::RowNotFound).map_err(PostgresQueueError::when("push a job"))
    }

    /// Wakes the idle consumers of this queue's clones: they poll for jobs now.
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
