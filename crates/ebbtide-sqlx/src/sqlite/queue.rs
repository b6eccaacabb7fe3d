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

/// How long to wait for others who write, or who open the file at the same time.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// SQLite has no way to tell other processes that something was pushed: a look at an index, four times a second.
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
    /// Whether the pool was made by `open`, for the queue.
    pub(super) opened: bool,
    /// SQLite has one writer, whom the others wait for by sleeping and looking again: ours queue here instead.
    pub(super) writer: Arc<Semaphore>,
    pub(super) shared: Arc<SqliteState>,
}

/// What clones have in common.
#[derive(Debug, Default)]
pub(super) struct SqliteState {
    pub(super) settling: Combiner<(JobLease, Settlement), Settled, SqliteQueueError>,
    pub(super) pushing: Combiner<Arc<NewJob>, i64, SqliteQueueError>,
    pub(super) wake: Notify,
    pub(super) renewals: Renewals<Sqlite>,
}

impl SqliteQueue {
    /// Opens a file, which is made if missing, with a pool of four connections and the settings that suit a queue, and makes
    /// the table if it is missing.
    ///
    /// It is in WAL mode, and a commit is on the disk when it returns (`synchronous = FULL`): what was pushed survives the
    /// loss of power. [`pool`](Self::pool) has it for other tables; its owner closes it. Handlers that
    /// hold a connection while they run need a pool of their own: four of them would leave none to fetch and settle jobs.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened or written to.
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

    /// Makes a queue over a pool of your own. There may be any number of them in one database, told apart by their names.
    ///
    /// Its connections should be in WAL mode, with a `busy_timeout`, and [`synchronous`](sqlx::sqlite::SqliteSynchronous) as
    /// you need it: see the [module](super).
    pub fn new(pool: SqlitePool, name: impl Into<Arc<str>>) -> Self {
        let (name, writer, shared) = (name.into(), Arc::new(Semaphore::new(1)), Arc::default());
        Self { pool, name, lease: DEFAULT_LEASE, poll: DEFAULT_POLL, opened: false, writer, shared }
    }

    /// Makes a queue of another name over the same pool, with the same settings. The two don't meet at SQLite's lock: they
    /// take turns.
    #[must_use]
    pub fn named(&self, name: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), shared: Arc::default(), ..self.clone() }
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

    /// Sets how often an idle consumer looks for what other processes have pushed, at least 10 ms. 250 ms unless set.
    ///
    /// What is pushed through this queue or a clone of it is noticed at once.
    #[must_use]
    pub fn poll_every(mut self, poll: Duration) -> Self {
        self.poll = poll.max(SHORTEST);
        self
    }

    /// Returns the queue's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the pool, to close it when everything that uses it has stopped.
    pub fn pool(&self) -> &SqlitePool {
        &self.pool
    }

    /// Makes the table `ebbtide_jobs` and its indexes where they are missing. Several processes may do so at once.
    ///
    /// # Errors
    ///
    /// When the database cannot be written to.
    pub async fn create(&self) -> Result<(), SqliteQueueError> {
        let failed = SqliteQueueError::when("create the jobs table");
        let _turn = self.writer.acquire().await;
        for statement in statements::CREATE {
            sqlx::query(statement).execute(&self.pool).await.map_err(&failed)?;
        }
        Ok(())
    }

    /// Pushes a job and returns its id, when it is stored. Those that are pushed at the same time share a commit.
    ///
    /// # Errors
    ///
    /// When it could not be stored.
    ///
    /// # Cancel safety
    ///
    /// Whether it was pushed is unknown then.
    pub async fn push(&self, job: impl Into<NewJob>) -> Result<i64, SqliteQueueError> {
        let pushing = &self.shared.pushing;
        let id = pushing.submit(Arc::new(job.into()), &self.writer, |jobs| self.push_all(jobs)).await?;
        self.wake();
        Ok(id)
    }

    /// Pushes a job in a transaction of yours and returns its id: it is stored if that is committed, with whatever else is.
    ///
    /// The consumer finds it when it looks next; [`wake`](Self::wake) behind the commit makes it look at once. End the
    /// transaction soon: until then nobody else can write, as is SQLite's way, and waiting for [`push`](Self::push) or a
    /// settlement within it waits until that gives up.
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
        connection: &mut SqliteConnection,
        job: impl Into<NewJob>,
    ) -> Result<i64, SqliteQueueError> {
        insert(connection, &self.name, &job.into()).await
    }

    /// Makes the idle consumers of this queue's clones look for jobs now.
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
            // Who makes the file a WAL one holds it alone for a moment, and `busy_timeout` is not for that.
            Err(error) if is_busy(&error) && began.elapsed() < BUSY_TIMEOUT => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            ended => return ended,
        }
    }
}
