//! Jobs in a standard queue of Amazon SQS, through the crate `aws-sdk-sqs`.
//!
//! The caller provides the client, and so decides on credentials, region and TLS. A second queue, `emails-dead`,
//! belongs to the queue `emails`. It holds the dead-lettered jobs, with the error as a JSON string in the message
//! attribute `Ebbtide-Error`, and with the job's id in `Ebbtide-Job`.
//!
//! - *Delivery.* A job is delivered again when its consumer was silent for the [lease](ebbtide::queue::Queue::lease),
//!   which is the visibility timeout that each request sets; that of the queue is not used. This process decides by
//!   its clock whether a lease has expired, from before the request that returned the job: SQS accepts requests about
//!   a message from any client. Leases are renewed by the caller's client, on the consumer's runtime. Handlers that
//!   block every thread of that runtime for longer than two thirds of the lease let them expire. A warning is logged
//!   before. Run such handlers with `spawn_blocking`.
//! - *Twelve hours* after its delivery a job is delivered again, whatever its consumer does: SQS extends no further.
//!   A retry with a longer delay is delivered earlier.
//! - *Producers* in any language send the payload as the body. A payload that is not text that SQS accepts is the
//!   value of the binary attribute `Ebbtide-Payload`, beside a body that says so; an empty payload is a text
//!   attribute of that name.
//! - *Requeueing* makes the message visible at once. SQS counts each delivery and does not let a consumer undo that,
//!   so it counts as an attempt: give long jobs more [attempts](ebbtide::queue::ConsumeOptions::attempts) than
//!   deploys can use up. A redrive policy of the queue counts the same way, and moves jobs without an error text.
//! - *A retry* makes the message visible when its delay has passed, in whole seconds. Until then SQS counts it as in
//!   flight, like a leased job.
//! - *Dead-lettering* sends the job to the second queue and then deletes it from the first. A process that is killed
//!   between the two steps leaves it in both: it is delivered again, and dead-lettered twice.
//! - *At the shutdown* SQS may still have a request of this consumer for as long as a [poll](SqsBuilder::poll) takes.
//!   It cannot be cancelled. [`withdraw`](ebbtide::queue::Queue::withdraw) waits for its response and returns the
//!   jobs that arrived, so that none stays leased. They are requeued with a short delay, until the requests of other
//!   consumers that stop at the same time have ended as well: otherwise a job would go from one to the next, and each
//!   delivery counts.
//! - *FIFO queues are not supported*: a job that is requeued or retried would block its message group.
//!
//! # What survives
//!
//! SQS stores each message redundantly. It keeps a job for the retention period of the queue, by default four days; a
//! queue that is created here keeps jobs for 14, the maximum. Older jobs are deleted, whether or not they are leased.
//! SQS may deliver a message twice at any time, rarely.
//!
//! # Examples
//!
//! ```no_run
//! use ebbtide::queue::Job;
//! use ebbtide_sqs::SqsQueue;
//! use ebbtide::{BoxError, Stop};
//!
//! async fn send_email(job: Job, _stop: Stop) -> Result<(), BoxError> {
//!     println!("{} goes to {:?}", job.id(), job.payload());
//!     Ok(())
//! }
//!
//! // In a service this is `aws_config::load_from_env().await`.
//! fn run(config: aws_sdk_sqs::Config) -> std::process::ExitCode {
//!     ebbtide::Lifecycle::new("emails").run(async |app| {
//!         let client = aws_sdk_sqs::Client::from_conf(config);
//!         let emails = SqsQueue::builder(client, "emails").open().await?;
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
mod link;
mod message;
mod polls;
mod queue;
mod settle;

pub use builder::SqsBuilder;
pub use error::SqsQueueError;
pub use queue::SqsQueue;
pub use settle::SqsReceipt;
