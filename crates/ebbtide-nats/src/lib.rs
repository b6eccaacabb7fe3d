//! Jobs in a NATS stream (JetStream) with a durable pull consumer, through the crate `async-nats`.
//!
//! Needs NATS 2.9 or newer with JetStream. A queue `emails` is a stream of that name, which takes what is published on the
//! subject of that name and drops what is acknowledged (a *work queue*), with one durable consumer, again of that name,
//! that all consumers share. Beside it is the stream `emails-dead` for those that were buried: with why, as a JSON string in the
//! header `Ebbtide-Error`, and from when on.
//!
//! - *Delivery.* A job comes again when its consumer has said nothing for the [lease](ebbtide::queue::Queue::lease), which is
//!   the `ack_wait` of the durable consumer. Whether a lease has run out is judged by a clock on our side, from the last
//!   word that the server confirmed: the server itself takes an acknowledgement from whoever sends it.
//!   Leases are renewed over a connection and by a thread of their own: handlers that block every thread of the runtime do not
//!   end them. Where the queue was given a [client](NatsBuilder::client), its connection belongs to a runtime that handlers can
//!   block; then a warning is logged before the leases expire.
//! - *Producers* in any language publish on the subject, and should wait for the stream's acknowledgement, as
//!   [`push`](NatsQueue::push) does. What headers a job has it keeps, but for those that begin with `Nats-`.
//! - *Handing back* publishes the job anew and then acknowledges the old one. So it does not count as an attempt, and stands behind
//!   those that wait. A process that is killed between the two leaves the job twice. A job whose payload leaves no room
//!   for two headers below the server's `max_payload` is handed back by `nak` instead, and that counts.
//! - *A retry* is a `nak` with a delay: the server keeps it, and counts it as outstanding like a job that somebody has.
//! - *At the stop* the server may still have a request of ours for up to a second, which cannot be taken back.
//!   [`withdraw`](ebbtide::queue::Queue::withdraw) waits for its end and returns what came, so that none lies under our lease.
//!
//! # What survives
//!
//! The stream is on disk: a crash of a consumer, a producer or the *server process* loses nothing. What the server knows of
//! deliveries it writes a little later, so that one that is killed may forget attempts, and bring back what was
//! acknowledged in the moment before. It may also keep messages that were acknowledged, which nobody is given any more, and count
//! one as outstanding that is gone: [`counts`](NatsQueue::counts) then shows one leased job too many. It waits for the disk only every two minutes (`sync_interval`): the loss of power may
//! lose jobs that were pushed since. [Three replicas](NatsBuilder::replicas), or `sync_interval: always`, are against that.
//!
//! # Examples
//!
//! ```no_run
//! use ebbtide::queue::Job;
//! use ebbtide_nats::NatsQueue;
//! use ebbtide::{BoxError, Stop};
//!
//! async fn send_email(job: Job, _stop: Stop) -> Result<(), BoxError> {
//!     println!("{} goes to {:?}", job.id(), job.payload());
//!     Ok(())
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     ebbtide::Lifecycle::new("emails").run(async |app| {
//!         let emails = NatsQueue::builder("emails").url("nats://127.0.0.1:4222").open().await?;
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

mod builder;
mod error;
mod handle;
mod headers;
mod link;
mod pulls;
mod queue;
mod set_up;
mod settle;

pub use builder::NatsBuilder;
pub use error::NatsQueueError;
pub use handle::NatsExt;
pub use queue::NatsQueue;
pub use settle::NatsReceipt;
