use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ebbtide::adapter::{Combiner, clock};
use ebbtide::queue::{Settled, Settlement};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Sqlite, SqliteConnection, SqlitePool};
use tokio::sync::{Notify, Semaphore};

use super::error::is_busy;
use super::{SqliteQueueError, statements};
use crate::table::{DEFAULT_LEASE, JobLease, NewJob, Renewals, SHORTEST, millis};

/// How long to wait for other connections that write, or that open the file at the same time.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// SQLite cannot notify other processes of a push. So the consumer polls an index four times a second.
const DEFAULT_POLL: Duration = Duration::from_millis(250);

/// A queue of jobs in a table of a SQLite database. Cheap to clone; clones wake each other.
///
/// See the [module](super) for what it guarantees.
#[derive(Clone, Debug)]
pub struct SqliteQueue {
    pub(super) pool: SqlitePool,
    pub(super) name: Arc<str>,
    pub(super) lease: Duration,
    pub(super) poll: Duration,
    /// Whether [`open`](SqliteQueue::open) created the pool for this queue.
    pub(super) opened: bool,
    /// SQLite has one writer; the others sleep and retry. The writers of this process queue here instead.
    pub(super) writer: Arc<Semaphore>,
    pub(super) shared: Arc<SqliteState>,
}

/// State shared by clones.
#[derive(Debug, Default)]
pub(super) struct SqliteState {
    pub(super) settling: Combiner<(JobLease, Settlement), Settled, SqliteQueueError>,
    pub(super) pushing: Combiner<Arc<NewJob>, i64, SqliteQueueError>,
    pub(super) wake: Notify,
    pub(super) renewals: Renewals<Sqlite>,
}

impl SqliteQueue {
    /// Opens a file with a pool of four connections and the settings that suit a queue. Creates the file and the
    /// table if they do not exist.
    ///
    /// The file is in WAL mode, and a commit is on the disk when it returns (`synchronous = FULL`): a pushed job
    /// survives the loss of power. [`pool`](Self::pool) returns the pool for use with other tables; its owner closes
    /// it. Handlers that hold a connection while they run need a separate pool: four of them would leave no
    /// connection to fetch and settle jobs.
    ///
    /// # Errors
    ///
    /// Returns an error if the file cannot be opened or written to.
    ///
    /// # Examples
    ///
    /// ```
    /// use ebbtide_sqlx::SqliteQueue;
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("jobs.db");
    /// let emails = SqliteQueue::open(&path, "emails").await?;
    /// emails.push("a@example.org").await?;
    /// assert_eq!(emails.counts().await?.waiting, 1);
    /// emails.pool().close().await;
    /// # Ok::<(), ebbtide::BoxError>(())
    /// # })?;
    /// # Ok::<(), ebbtide::BoxError>(())
    /// ```
    pub async fn open(path: impl AsRef<Path>, name: impl Into<Arc<str>>) -> Result<Self, SqliteQueueError> {
        let path = path.as_ref();
        let failed = |source| SqliteQueueError::Open { path: path.to_owned(), source: Arc::new(source) };
        let queue = Self { opened: true, ..Self::new(connect(path).await.map_err(failed)?, name) };
        queue.create().await?;
        Ok(queue)
    }

    /// Creates a queue over an existing pool. One database can hold any number of queues; their names tell them
    /// apart.
    ///
    /// Its connections should be in WAL mode, with a `busy_timeout` and a
    /// [`synchronous`](sqlx::sqlite::SqliteSynchronous) setting as required: see the [module](super).
    pub fn new(pool: SqlitePool, name: impl Into<Arc<str>>) -> Self {
        let (name, writer, shared) = (name.into(), Arc::new(Semaphore::new(1)), Arc::default());
        Self { pool, name, lease: DEFAULT_LEASE, poll: DEFAULT_POLL, opened: false, writer, shared }
    }

    /// Returns a queue with another name over the same pool, with the same settings. The two queues take turns to
    /// write instead of waiting for SQLite's lock.
    #[must_use]
    pub fn named(&self, name: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), shared: Arc::default(), ..self.clone() }
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

    /// Sets how often an idle consumer polls for the jobs of other processes, at least 10 ms. Default: 250 ms.
    ///
    /// A push through this queue or a clone wakes the consumer at once.
    #[must_use]
    pub fn poll_every(mut self, poll: Duration) -> Self {
        self.poll = poll.max(SHORTEST);
        self
    }

    /// Returns the name of the queue.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the pool. Close it when everything that uses it has stopped.
    pub fn pool(&self) -> &SqlitePool {
        &self.pool
    }

    /// Creates the table `ebbtide_jobs` and its indexes if they do not exist. Several processes may call it at the
    /// same time.
    ///
    /// # Errors
    ///
    /// Returns an error if the database cannot be written to.
    pub async fn create(&self) -> Result<(), SqliteQueueError> {
        let failed = SqliteQueueError::when("create the jobs table");
        let _turn = self.writer.acquire().await;
        for statement in statements::CREATE {
            sqlx::query(statement).execute(&self.pool).await.map_err(&failed)?;
        }
        Ok(())
    }

    /// Pushes a job and returns its id when it is stored. Pushes that are made at the same time share a commit.
    ///
    /// # Errors
    ///
    /// Returns an error if the job could not be stored.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the job may or may not have been pushed.
    pub async fn push(&self, job: impl Into<NewJob>) -> Result<i64, SqliteQueueError> {
        let pushing = &self.shared.pushing;
        let id = pushing.submit(Arc::new(job.into()), &self.writer, |jobs| self.push_all(jobs)).await?;
        self.wake();
        Ok(id)
    }

    /// Pushes a job in a caller's transaction and returns its id. The job is stored if the transaction is committed.
    ///
    /// The consumer finds the job when it polls next; call [`wake`](Self::wake) after the commit to make it poll at
    /// once. Keep the transaction short: until it ends, no other connection can write. A [`push`](Self::push) or a
    /// settlement that is awaited within it waits until its timeout.
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
        connection: &mut SqliteConnection,
        job: impl Into<NewJob>,
    ) -> Result<i64, SqliteQueueError> {
        insert(connection, &self.name, &job.into()).await
    }

    /// Wakes the idle consumers of this queue's clones: they poll for jobs now.
    pub fn wake(&self) {
        self.shared.wake.notify_waiters();
    }

    async fn push_all(&self, jobs: Vec<Arc<NewJob>>) -> Result<Vec<i64>, SqliteQueueError> {
        let failed = SqliteQueueError::when("push a job");
        if let [job] = &*jobs {
            let mut connection = self.pool.acquire().await.map_err(&failed)?;
            return Ok(vec![insert(&mut connection, &self.name, job).await?]);
        }
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(&failed)?;
        let mut ids = Vec::with_capacity(jobs.len());
        for job in &jobs {
            ids.push(insert(&mut transaction, &self.name, job).await?);
        }
        transaction.commit().await.map_err(&failed)?;
        Ok(ids)
    }
}

async fn insert(
    connection: &mut SqliteConnection,
    name: &str,
    job: &NewJob,
) -> Result<i64, SqliteQueueError> {
    let query = sqlx::query(statements::PUSH).bind(name).bind(&*job.payload).bind(millis(job.after));
    let inserted = query.execute(connection).await.map_err(SqliteQueueError::when("push a job"))?;
    Ok(inserted.last_insert_rowid())
}

async fn connect(path: &Path) -> Result<SqlitePool, sqlx::Error> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY_TIMEOUT);
    let began = clock::now();
    loop {
        let pool = SqlitePoolOptions::new().max_connections(4);
        match pool.connect_with(options.clone()).await {
            // The connection that switches the file to WAL locks it exclusively for a short time, and `busy_timeout`
            // does not apply to that.
            Err(error) if is_busy(&error) && began.elapsed() < BUSY_TIMEOUT => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            ended => return ended,
        }
    }
}
