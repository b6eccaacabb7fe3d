//! Jobs in a NATS stream (JetStream) with a durable pull consumer, through the crate `async-nats`.
//!
//! Requires NATS 2.9 or newer with JetStream. A queue `emails` is a stream of that name. The stream stores what is
//! published on the subject of that name and deletes acknowledged messages (a *work queue*). One durable consumer,
//! again of that name, is shared by all consumers. The stream `emails-dead` holds dead-lettered jobs, with their
//! time, and with their error as a JSON string in the header `Ebbtide-Error`.
//!
//! - *Delivery.* A job is delivered again when its consumer was silent for the [lease](ebbtide::queue::Queue::lease),
//!   which is the `ack_wait` of the durable consumer. This process decides by its clock whether a lease has expired,
//!   from the last message that the server confirmed: the server accepts an acknowledgement from any client. Leases
//!   are renewed over a dedicated connection and by a dedicated thread: handlers that block every thread of the
//!   runtime do not let them expire. If the queue uses an existing [client](NatsBuilder::client), handlers can block
//!   the runtime of its connection; then a warning is logged before the leases expire.
//! - *Producers* in any language publish on the subject, and should wait for the stream's acknowledgement, as
//!   [`push`](NatsQueue::push) does. Other headers of a job are kept, except those that begin with `Nats-`.
//! - *Requeueing* publishes the job again and then acknowledges the old message. So it does not count as an attempt,
//!   and puts the job behind the waiting ones. A process that is killed between the two steps leaves the job twice. A
//!   job whose payload leaves no room for two headers below the server's `max_payload` is requeued by `nak` instead,
//!   which counts as an attempt.
//! - *A retry* is a `nak` with a delay: the server keeps the job, and counts it as outstanding like a leased job.
//! - *At the shutdown* the server may still have a request of this consumer for up to a second. It cannot be
//!   cancelled. [`withdraw`](ebbtide::queue::Queue::withdraw) waits for its end and returns the jobs that arrived, so
//!   that none stays leased.
//!
//! # What survives
//!
//! The stream is on disk: a crash of a consumer, a producer or the *server process* loses no job. The server writes
//! the state of deliveries a little later. So a killed server may forget attempts, and redeliver jobs that were
//! acknowledged just before. It may also keep acknowledged messages, which are no longer delivered, and count one as
//! outstanding that does not exist: [`counts`](NatsQueue::counts) then shows one leased job too many. The server
//! syncs to the disk only every two minutes (`sync_interval`): the loss of power may lose jobs that were pushed
//! since. [Three replicas](NatsBuilder::replicas) or `sync_interval: always` prevent that.
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

// docs.rs shows the feature of each item.
#![cfg_attr(docsrs, feature(doc_cfg))]
// Times come from outside, and a panic in the arithmetic on them would break the shutdown. Tests may panic.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects, unused_crate_dependencies))]

mod builder;
mod error;
#[cfg(test)]
mod error_form;
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
