//! Jobs in a Redis stream with a consumer group, through the crate `redis`.
//!
//! Needs Redis 7 or newer, or Valkey. A queue is one stream of one group: what is acknowledged is deleted from it. Beside
//! it are two more keys: `NAME:delayed`, a sorted set of the jobs that wait for their next attempt, and `NAME:dead`, a stream of those
//! that were buried, with why (`ebbtide-error`) and, in their id, when.
//!
//! - *Delivery.* A job comes again when its consumer has said nothing for the [lease](ebbtide::queue::Queue::lease). All
//!   consumers of a queue need the same one: each takes over what has been silent for its own.
//!   Leases are renewed over a connection and by a thread of their own: handlers that block every thread of the runtime do not
//!   end them.
//! - *Prefetching.* While a consumer takes jobs, each acknowledgement brings a new one in the same step; no more than it has places for
//!   are ever leased to it. What it has got in this way and not begun goes back at the stop.
//! - *Lost answers.* What Redis gave out in an answer that never arrived the next fetch asks for, and at the stop the withdrawal.
//!   A connection that was given up is ended at the server first (`CLIENT KILL`), so that no job is given out on it later. Where the
//!   user may not do that, a job that a stalled server or network gives out after the consumer's end waits for its lease.
//! - *Producers* in any language: `XADD emails * payload …`. Whatever other fields a job has it keeps; when it is tried again
//!   or buried those beyond 3000 go along as one, `ebbtide-rest`, packed by MessagePack.
//! - *Handing back* puts the job behind those that wait, under the same id, and does not count as an attempt. So does
//!   a retry, when its time has come; that is looked at once a second.
//! - *Don't trim* the stream (`MAXLEN`): jobs that wait would be gone.
//!
//! # What survives
//!
//! Redis keeps what it has persisted, and no more: with its default settings, snapshots every few minutes, a crash of the *server*
//! loses jobs that were pushed since, and brings back what was acknowledged since. For jobs that matter set `appendonly yes`,
//! and `appendfsync always` where not even the last second may be lost; replicas alone are behind by what they have not yet got.
//! A crash of a consumer or a producer loses nothing with any settings.
//!
//! # Examples
//!
//! ```no_run
//! use ebbtide_redis::RedisQueue;
//! use ebbtide::queue::Job;
//! use ebbtide::{BoxError, Stop};
//!
//! async fn send_email(job: Job, _stop: Stop) -> Result<(), BoxError> {
//!     println!("{} goes to {:?}", job.id(), job.payload());
//!     Ok(())
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     ebbtide::Lifecycle::new("emails").run(async |app| {
//!         let emails = RedisQueue::builder("emails").url("redis://127.0.0.1").open().await?;
//!         emails.push("a@example.org").await?;
//!         app.consume("emails", emails, 8, send_email);
//!         Ok(())
//!     })
//! }
//! ```

// Each item of a feature says so on docs.rs.
#![cfg_attr(docsrs, feature(doc_cfg))]
// Times come from outside, and a panic in the arithmetic on them is a lost shutdown. Tests may panic.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects, unused_crate_dependencies))]

mod ahead;
mod blocking_reads;
mod builder;
mod commands;
mod entry;
mod error;
mod handle;
mod link;
mod queue;
mod reader;
mod schedule;

pub use blocking_reads::BlockingReads;
pub use builder::RedisBuilder;
pub use entry::RedisReceipt;
pub use error::RedisQueueError;
pub use handle::RedisExt;
pub use queue::RedisQueue;
