//! A queue in a table of a PostgreSQL database, over a sqlx pool: durable jobs for many machines, beside the data they are
//! about.
//!
//! ```no_run
//! use ebbtide::queue::Job;
//! use ebbtide_sqlx::PostgresQueue;
//! use sqlx::PgPool;
//!
//! fn main() -> std::process::ExitCode {
//!     ebbtide::Lifecycle::new("orders").run(async |app| {
//!         let pool = PgPool::connect("postgres://orders@db/orders").await?;
//!         let pool = app.resource("database", pool, |pool| async move { Ok(pool.close().await) });
//!         let emails = PostgresQueue::new(pool.clone(), "emails");
//!         emails.create().await?;
//!         app.consume("emails", emails.clone(), 8, |job: Job, _stop| async move {
//!             println!("to {}", String::from_utf8_lossy(job.payload()));
//!             Ok(())
//!         });
//!
//!         // A job is stored with the order it belongs to, or not at all.
//!         let mut transaction = pool.begin().await?;
//!         sqlx::query("INSERT INTO orders (id) VALUES (7)").execute(&mut *transaction).await?;
//!         emails.push_in(&mut transaction, "order 7 has arrived").await?;
//!         transaction.commit().await?;
//!         Ok(())
//!     })
//! }
//! ```
//!
//! # Guarantees
//!
//! 1. What was pushed is delivered until it is acknowledged or buried. A consumer that is killed holds a job until its lease
//!    has run out, no longer.
//! 2. A job is given out by one statement (`FOR UPDATE SKIP LOCKED`), to one consumer, whichever processes and machines
//!    compete. Leases are measured by the server's clock alone.
//! 3. A settlement is committed when it returns. It is carried out only while nobody else was given the job: whose lease ran
//!    out, and the job was delivered again, is told so.
//! 4. A commit costs the same for one settlement as for all that wait for it: those that come at the same time share one.
//! 5. A consumer that waits is woken by `NOTIFY` when something is pushed, handed back or brought back, and by the time at
//!    which a job becomes due. Where notifications don't arrive, it looks every five seconds.
//! 6. Many jobs that wait, are kept back or are buried don't make finding the next one slower.
//!
//! Jobs are given out in the order in which they became due.
//!
//! # The pool, and the server
//!
//! - A consumer uses connections of the pool now and then, all of them when it is busy, never for long, and none while it
//!   waits; one is enough. It has two more to the server beside the pool, one to listen and one to renew leases, which are opened with
//!   the options and the hooks of the pool and closed when the consumer stops.
//! - Handlers that hold connections of the same pool need a pool of more connections than there are concurrent jobs: otherwise
//!   fetches and settlements wait for them. A consumer whose pool is smaller logs a warning when it is registered. Leases are
//!   renewed all the same, and also while handlers block every thread of the runtime.
//! - `acquire_timeout` is how long a statement waits while the server is away. Five seconds suit a consumer; sqlx's default is
//!   thirty.
//! - `synchronous_commit` off would lose what was pushed last when the server crashes. Leave it on.
//! - Through pgbouncer in transaction mode: [`PostgresQueue::poll_only`], and a pool without prepared statements
//!   (`statement_cache_capacity(0)`).
//! - Rows are updated and deleted all the time: autovacuum must not be off, and a transaction that stays open for hours makes
//!   every queue in a table slow.

mod consume;
mod error;
mod finish_on_drop;
mod inspect;
mod listener;
mod queue;
mod statements;

pub use error::PostgresQueueError;
pub use queue::PostgresQueue;
