//! Jobs in a queue of RabbitMQ, through the crate `lapin`.
//!
//! Requires RabbitMQ 3.8 or newer; [quorum queues](RabbitBuilder::quorum) require 3.10. Further queues begin with the
//! name of the queue. `NAME.dead` holds the dead-lettered jobs with their error. `NAME.retry.MILLIS` holds the jobs
//! that wait for their next attempt, one queue for each delay. Retry queues are created when they are needed, and
//! expire when they are idle.
//!
//! - *Delivery.* There are no [leases](ebbtide::queue::Queue::lease). A job belongs to its consumer while the
//!   connection lives. It is delivered to another consumer when the connection ends, or when the server got no
//!   heartbeat for a minute or two. Heartbeats are sent in the background, also during a shutdown, on the runtime on
//!   which the queue was opened. Handlers that block every thread of that runtime for longer than the heartbeat
//!   timeout end the connection, and their jobs are delivered again. Run such handlers with `spawn_blocking`. The
//!   consumer prefetches as many jobs as it runs concurrently, no more.
//! - *Long jobs.* The server requeues a job that was not settled within `consumer_timeout`, 30 minutes by default,
//!   and closes the channel. Raise the timeout, in the server or by a policy, if jobs take longer.
//! - *Settling* waits for the server. AMQP has no response to an acknowledgement. So another command follows it on
//!   the same channel, and the response to that command confirms both. Jobs that are settled at the same time share
//!   this command. If they were delivered one after the other, they share the acknowledgement as well. After that, no
//!   failure of the consumer redelivers the job. A *server* that crashes shortly afterwards may still deliver it once
//!   more.
//! - *Attempts* are counted in a header. A failed, dead-lettered or requeued job is another message, stored before
//!   the first is acknowledged: a crash in between duplicates a job at worst. A job whose consumer crashed is also
//!   replaced by another message, since RabbitMQ reports only *that* a message was delivered before. So a job that
//!   crashes its consumer is tried a limited number of times. If the server is short of memory and accepts no
//!   message, jobs are requeued by AMQP, which counts as an attempt.
//! - *Delays* are as long as requested or up to an eighth longer, and 49 days at most.
//! - *Order.* Requeued jobs are delivered first, except from a quorum queue before RabbitMQ 4. Retried jobs are
//!   delivered last.
//! - *Producers* in any language publish to the default exchange with the queue's name as the routing key:
//!   persistent, mandatory, with confirms and a `message-id`. A job without one gets an id when it is first
//!   delivered, and another one if that delivery is lost with its consumer.
//!
//! A settlement for a broken connection returns [`Lost`](ebbtide::queue::Settled::Lost). The next call opens a new
//! connection.
//!
//! # What survives
//!
//! A pushed job is on the disk of its server, or with [quorum](RabbitBuilder::quorum) on most of them, before
//! [`push`](RabbitQueue::push) returns. A classic queue is lost with the disk of its server. Its server also
//! publishes jobs whose delay has passed without waiting for a confirmation: if it is killed at that time, they may
//! be lost. A quorum queue has neither weakness. A server that is killed within seconds of the first declaration of a
//! classic queue may forget the queue, with the jobs that it had confirmed (seen with RabbitMQ 3.10.8): declare
//! queues at deployment, not with the first job.
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

// docs.rs shows the feature of each item.
#![cfg_attr(docsrs, feature(doc_cfg))]
// Times come from outside, and a panic in the arithmetic on them would break the shutdown. Tests may panic.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects, unused_crate_dependencies))]

mod barrier;
mod builder;
mod error;
#[cfg(test)]
mod error_form;
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
