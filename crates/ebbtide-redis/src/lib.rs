//! Jobs in a Redis stream with a consumer group, through the crate `redis`.
//!
//! Requires Redis 7 or newer, or Valkey. A queue is one stream with one group: an acknowledged job is deleted from
//! it. Two more keys belong to it. `NAME:delayed` is a sorted set of the jobs that wait for their next attempt.
//! `NAME:dead` is a stream of the dead-lettered jobs, with the error in `ebbtide-error` and the time in their id.
//!
//! - *Delivery.* A job is delivered again when its consumer was silent for the [lease](ebbtide::queue::Queue::lease).
//!   All consumers of a queue must use the same lease: each claims deliveries that were silent for its own. Leases
//!   are renewed over a dedicated connection and by a dedicated thread: handlers that block every thread of the
//!   runtime do not let them expire.
//! - *Prefetching.* While a consumer takes jobs, each acknowledgement fetches a new one in the same command. Never
//!   more jobs are leased to a consumer than it has places for. Prefetched jobs that were not begun are requeued at
//!   the shutdown.
//! - *Lost responses.* The next fetch asks for jobs that Redis delivered in a response that never arrived. At the
//!   shutdown, the withdrawal asks for them. An abandoned connection is closed at the server first (`CLIENT KILL`),
//!   so that no job is delivered on it later. If the user lacks that permission, a job that a stalled server or
//!   network delivers after the consumer has stopped waits for its lease to expire.
//! - *Producers* in any language: `XADD emails * payload …`. Other fields of a job are kept. When a job is retried or
//!   dead-lettered, the fields beyond 3000 are packed into one, `ebbtide-rest`, by MessagePack.
//! - *Requeueing* puts the job behind the waiting ones, under the same id, and does not count as an attempt. A retry
//!   is also put behind them, when its delay has passed; delays are polled once a second.
//! - *Do not trim* the stream (`MAXLEN`): that would delete waiting jobs.
//!
//! # What survives
//!
//! Redis keeps what it has persisted, and no more. With its default settings, snapshots every few minutes, a crash of
//! the *server* loses the jobs that were pushed since the last one, and restores the jobs that were acknowledged
//! since. For jobs that matter set `appendonly yes`, and `appendfsync always` if not even the last second may be
//! lost. Replicas alone lag behind by what they have not yet received. A crash of a consumer or a producer loses
//! nothing with any settings.
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

// docs.rs shows the feature of each item.
#![cfg_attr(docsrs, feature(doc_cfg))]
// Times come from outside, and a panic in the arithmetic on them would break the shutdown. Tests may panic.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects, unused_crate_dependencies))]

mod ahead;
mod blocking_reads;
mod builder;
mod commands;
mod entry;
mod error;
#[cfg(test)]
mod error_form;
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
