//! A queue in a table of a SQLite database, over a sqlx pool: durable jobs for one machine, without a server.
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
//! 1. What was pushed is delivered until it is acknowledged or buried. A consumer that is killed holds a job until its lease
//!    has run out, no longer.
//! 2. A job is given out by one statement, to one consumer, whichever processes compete. Leases are measured by SQLite's
//!    clock, which is the machine's.
//! 3. A settlement is committed when it returns. It is carried out only while nobody else was given the job: whose lease ran
//!    out, and the job was delivered again, is told so.
//! 4. A commit costs the same for one settlement as for all that wait for it: those that come at the same time share one.
//!    That another connection is writing makes them wait, for `busy_timeout`; then it is an error, and nothing was done.
//! 5. Many jobs that wait, are kept back or are buried don't make finding the next one slower.
//!
//! Jobs are given out in the order in which they became due.
//!
//! Further queues in the same database are best made with [`SqliteQueue::named`].
//!
//! # The pool
//!
//! [`SqliteQueue::open`] sets its own pool up. For one of yours:
//!
//! - `journal_mode` WAL: otherwise whoever reads holds up who writes, and each commit costs two writes to the disk.
//! - `synchronous` FULL where a push must survive the loss of power; NORMAL, which is faster, survives the death of the process.
//! - `busy_timeout` of some seconds, which is sqlx's default: how long a writer waits for another process, or for a
//!   transaction of yours.
//! - One connection is enough, and handlers that hold connections of the same pool need more connections than there are
//!   concurrent jobs: otherwise fetches and settlements wait for them. A consumer whose pool is smaller logs a warning when it is
//!   registered.
//! - Leases are renewed over a connection beside the pool, which is opened with its options and hooks and closed when the
//!   consumer stops. Neither handlers that hold every connection nor those that block every thread of the runtime delay it; a
//!   write transaction that is open for longer than the lease does. A private database in memory (`:memory:`) has no second
//!   connection: there leases are renewed over the pool, and handlers that hold its connection end them.
//! - Transactions that write begin with `BEGIN IMMEDIATE`: one that reads first and then writes is
//!   refused at once when somebody wrote in between.
//!
//! The machine's clock being set forward ends leases early: a job may then run twice, as after a crash.

mod consume;
mod error;
mod inspect;
mod queue;
mod statements;

pub use error::SqliteQueueError;
pub use queue::SqliteQueue;
