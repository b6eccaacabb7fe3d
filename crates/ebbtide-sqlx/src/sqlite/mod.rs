//! A job queue in a table of a SQLite database, over a sqlx pool: durable jobs for one machine, without a server.
//!
//! ```
//! use ebbtide::queue::Job;
//! use ebbtide_sqlx::SqliteQueue;
//!
//! fn main() -> std::process::ExitCode {
//!     ebbtide::Lifecycle::new("orders")
//! #       .lame_duck(ebbtide::LameDuck::NONE)
//!         .run(async |app| {
//! #           let folder = tempfile::tempdir()?;
//! #           let path = folder.path().join("orders.db");
//!             let emails = SqliteQueue::open(&path, "emails").await?;
//!             let pool = emails.pool().clone();
//!             app.resource("database", pool, |pool| async move { Ok(pool.close().await) });
//!             app.consume("emails", emails.clone(), 8, |job: Job, _stop| async move {
//!                 println!("to {}", String::from_utf8_lossy(job.payload()));
//!                 Ok(())
//!             });
//!             emails.push("a@example.org").await?;
//! #           while emails.counts().await? != Default::default() { tokio::task::yield_now().await; }
//! #           app.stop("the example is over");
//!             Ok(())
//!         })
//! }
//! ```
//!
//! A job can be stored with the order it belongs to, or not at all:
//!
//! ```
//! # use ebbtide_sqlx::SqliteQueue;
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # let folder = tempfile::tempdir()?;
//! # let emails = SqliteQueue::open(folder.path().join("orders.db"), "emails").await?;
//! # sqlx::query("CREATE TABLE orders (id INTEGER PRIMARY KEY)").execute(emails.pool()).await?;
//! let mut transaction = emails.pool().begin_with("BEGIN IMMEDIATE").await?;
//! sqlx::query("INSERT INTO orders (id) VALUES (7)").execute(&mut *transaction).await?;
//! emails.push_in(&mut transaction, "order 7 has arrived").await?;
//! transaction.commit().await?;
//! emails.wake();
//! # assert_eq!(emails.counts().await?.waiting, 1);
//! # Ok::<(), ebbtide::BoxError>(())
//! # })?;
//! # Ok::<(), ebbtide::BoxError>(())
//! ```
//!
//! # Guarantees
//!
//! 1. A pushed job is delivered until it is acknowledged or dead-lettered. A consumer that is killed holds a job
//!    until the lease expires, no longer.
//! 2. One statement leases a job to one consumer, whichever processes compete. Leases are measured by SQLite's clock,
//!    which is the machine's.
//! 3. A settlement is committed when it returns. It takes effect only while the job has not been delivered again.
//!    After that, it returns [`Lost`](ebbtide::queue::Settled::Lost).
//! 4. Settlements that are made at the same time share one commit. They wait up to `busy_timeout` while another
//!    connection writes. After that, they return an error and nothing was done.
//! 5. Many waiting, delayed or dead-lettered jobs do not make finding the next job slower.
//!
//! Jobs are delivered in the order in which they became due.
//!
//! Create further queues in the same database with [`SqliteQueue::named`].
//!
//! # The pool
//!
//! [`SqliteQueue::open`] configures its pool. For an existing pool:
//!
//! - `journal_mode` WAL: otherwise readers block writers, and each commit costs two writes to the disk.
//! - `synchronous` FULL where a push must survive the loss of power. NORMAL is faster and survives the death of the
//!   process.
//! - `busy_timeout` of some seconds, the default of sqlx: how long a writer waits for another process, or for another
//!   transaction of this process.
//! - One connection is enough. Handlers that hold connections of the same pool require more connections than there
//!   are concurrent jobs. Otherwise fetches and settlements wait for them. A consumer whose pool is smaller logs a
//!   warning when it is registered.
//! - Leases are renewed over a connection beside the pool. It uses the options and the hooks of the pool, and is
//!   closed when the consumer stops. Handlers that hold every connection, or that block every thread of the runtime,
//!   do not delay it. A write transaction that stays open for longer than the lease does. A private database in
//!   memory (`:memory:`) has no second connection: there, leases are renewed over the pool, and expire while handlers
//!   hold its connection.
//! - Begin write transactions with `BEGIN IMMEDIATE`. SQLite rejects a transaction that reads first and then writes
//!   at once, if another one wrote in between.
//!
//! If the machine's clock is set forward, leases expire early: a job may then run twice, as after a crash.

mod consume;
mod error;
mod inspect;
mod queue;
mod statements;

pub use error::SqliteQueueError;
pub use queue::SqliteQueue;
