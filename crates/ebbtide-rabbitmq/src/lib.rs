//! Jobs in a queue of RabbitMQ, through the crate `lapin`.
//!
//! Needs RabbitMQ 3.8 or newer; [quorum queues](RabbitBuilder::quorum) 3.10. Beside the queue there are others that begin with its
//! name: `NAME.dead` has the jobs that failed for good, with why, and `NAME.retry.MILLIS` those that wait for
//! their next attempt, one queue for each delay. The latter are made when they are needed, and go when they have been idle.
//!
//! - *Delivery.* There are no [leases](ebbtide::queue::Queue::lease): a job is its consumer's as long as the connection lives, and
//!   goes to another one when that ends, or when the server has heard no heartbeat for a minute or two. Heartbeats go on by
//!   themselves, during a stop as well, on the runtime that the queue was opened on: handlers that block every thread of that for
//!   longer than the server waits for a heartbeat end the connection, and their jobs are delivered again. Run such handlers with
//!   `spawn_blocking`. As many jobs are sent ahead as the consumer runs side by side, no more.
//! - *Long jobs.* The server takes back what was not settled within `consumer_timeout`, 30 minutes by default, and ends the
//!   channel: raise it, there or by a policy, where jobs take longer.
//! - *Settling* waits for the server. AMQP has no answer to an acknowledgement, so another command goes behind it on the same
//!   channel whose answer says that it was dealt with; jobs that are settled at the same time share one, and where they were
//!   delivered one behind the other, the acknowledgement as well. From then on nothing that
//!   happens to the consumer brings the job back. A *server* that crashes within moments may still deliver it once more.
//! - *Attempts* are counted in a header. A failed job, a buried one and one that was handed back is another message, stored
//!   before the first is acknowledged: whoever crashes in between, a job is doubled at worst. So is one whose consumer
//!   died with it, since RabbitMQ tells only *that* a message was delivered before; thus what brings its consumer down is
//!   tried so often and no more. Where nothing can be published because the server is short of memory, jobs are handed back
//!   by requeueing, which counts as an attempt.
//! - *Delays* are as long as asked for or up to an eighth longer, and 49 days at most.
//! - *Order.* What was handed back comes first, except from a quorum queue before RabbitMQ 4; what is tried again comes last.
//! - *Producers* in any language publish to the default exchange with the queue's name as the key, persistent, mandatory, with
//!   confirms and a `message-id` of their own: without one, a job gets an id when it is first delivered, and another one if that
//!   delivery is lost with its consumer.
//!
//! A settlement for a connection that has broken is [`Lost`](ebbtide::queue::Settled::Lost). The next call makes a new one.
//!
//! # What survives
//!
//! What is pushed is on the disk of its server, or with [quorum](RabbitBuilder::quorum) on most of them, before
//! [`push`](RabbitQueue::push) returns. A classic queue is gone with its server's disk. And its server publishes jobs whose
//! delay has passed without waiting for itself: if it is killed at that very moment they may be lost. A quorum queue has
//! neither weakness. A server that is killed within seconds of the first declaration of a classic queue may forget the queue, with what it
//! had confirmed (seen with RabbitMQ 3.10.8): declare queues when you deploy, not with the first job.
//!
//! # Examples
//!
//! ```no_run
//! use ebbtide::queue::Job;
//! use ebbtide_rabbitmq::RabbitQueue;
//! use ebbtide::{BoxError, Stop};
//!
//! async fn send_email(job: Job, _stop: Stop) -> Result<(), BoxError> {
//!     println!("attempt {} at {}", job.attempt(), job.id());
//!     Ok(())
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     ebbtide::Lifecycle::new("mailer").run(async |app| {
//!         let emails = RabbitQueue::builder("emails").url("amqp://guest:guest@127.0.0.1:5672/%2f").open().await?;
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

mod barrier;
mod builder;
mod error;
mod handle;
mod link;
mod message;
mod publisher;
mod queue;
mod settle;
mod settled_tags;
mod subscription;
mod topology;

pub use builder::RabbitBuilder;
pub use error::RabbitQueueError;
pub use handle::RabbitExt;
pub use queue::RabbitQueue;
pub use settle::RabbitReceipt;
