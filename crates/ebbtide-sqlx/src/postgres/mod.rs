//! A job queue in a table of a PostgreSQL database, over a sqlx pool: durable jobs for many machines, stored beside
//! the data they belong to.
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
//! 1. A pushed job is delivered until it is acknowledged or dead-lettered. A consumer that is killed holds a job
//!    until the lease expires, no longer.
//! 2. One statement (`FOR UPDATE SKIP LOCKED`) leases a job to one consumer, whichever processes and machines
//!    compete. Leases are measured by the server's clock alone.
//! 3. A settlement is committed when it returns. It takes effect only while the job has not been delivered again.
//!    After that, it returns [`Lost`](ebbtide::queue::Settled::Lost).
//! 4. Settlements that are made at the same time share one commit.
//! 5. `NOTIFY` wakes an idle consumer when a job is pushed or requeued. A timer wakes it when a job becomes
//!    due. Where notifications do not arrive, it polls every five seconds.
//! 6. Many waiting, delayed or dead-lettered jobs do not make finding the next job slower.
//!
//! Jobs are delivered in the order in which they became due.
//!
//! # The pool, and the server
//!
//! - A consumer uses connections of the pool for a short time each: all of them when it is busy, none while it waits.
//!   One is enough. It opens two more connections to the server beside the pool: one to listen, one to renew leases.
//!   They use the options and the hooks of the pool, and are closed when the consumer stops.
//! - Handlers that hold connections of the same pool require a pool of more connections than there are concurrent
//!   jobs. Otherwise fetches and settlements wait for them. A consumer whose pool is smaller logs a warning when it
//!   is registered. Leases are renewed in any case, also while handlers block every thread of the runtime.
//! - `acquire_timeout` is how long a statement waits while the server is unavailable. Five seconds suit a consumer;
//!   the default of sqlx is thirty.
//! - With `synchronous_commit` off, a crash of the server loses the jobs that were pushed last. Leave it on.
//! - Through pgbouncer in transaction mode, use [`PostgresQueue::poll_only`] and a pool without prepared statements
//!   (`statement_cache_capacity(0)`).
//! - Rows are updated and deleted all the time. Keep autovacuum on. A transaction that stays open for hours makes
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
