//! Jobs in a standard queue of Amazon SQS, through the crate `aws-sdk-sqs`.
//!
//! The client is yours: how it finds its credentials and its region, and which TLS it speaks, is decided where it is made. Beside
//! the queue `emails` is a second one, `emails-dead`, for those that were buried: with why, as a JSON string in the message
//! attribute `Ebbtide-Error`, and with the job's id in `Ebbtide-Job`.
//!
//! - *Delivery.* A job comes again when its consumer has said nothing for the [lease](ebbtide::queue::Queue::lease), which is the
//!   visibility timeout that each request asks for; that of the queue doesn't matter. Whether a lease has run out is
//!   judged by a clock on our side, from before the request that brought the job: SQS takes a word about a message from
//!   whoever says it.
//!   Leases are renewed by your client, on the consumer's runtime: handlers that block every thread of that for longer than two
//!   thirds of the lease end them. A warning is logged before. Run such handlers with `spawn_blocking`.
//! - *Twelve hours* after it was given out a job is given out again, whatever its consumer says: SQS extends no further. A
//!   retry that is to wait longer than that comes earlier.
//! - *Producers* in any language send the payload as the body. One that is no text that SQS takes is the value of the
//!   binary attribute `Ebbtide-Payload`, beside a body that says so; an empty one is a text attribute of that name.
//! - *Handing back* makes the message visible at once. SQS counts each delivery and lets nobody take it back, so this one counts as an
//!   attempt: give jobs that run long more [attempts](ebbtide::queue::ConsumeOptions::attempts) than deploys can use up. A
//!   redrive policy of the queue counts the same way, and moves jobs without saying why.
//! - *A retry* makes it visible when its time has come, in whole seconds. Until then SQS counts it as in flight, like a job that
//!   somebody has.
//! - *Burying* sends the job to the second queue and then deletes it from the first. A process that is killed between the two
//!   leaves it in both: it comes again, and is buried twice.
//! - *At the stop* SQS may still have a request of ours, which cannot be taken back, for as long as a
//!   [poll](SqsBuilder::poll) takes. [`withdraw`](ebbtide::queue::Queue::withdraw) waits for its answer and returns what came, so
//!   that none lies under our lease. That is handed back for a little later, when the requests of those that stop with us are
//!   over as well: it would otherwise go from one to the next, and each time counts.
//! - *Not for FIFO queues*: a job that is handed back or tried again would hold up its group.
//!
//! # What survives
//!
//! SQS keeps each message in several places, and a job for as long as the queue's retention period says, which is four days
//! unless it was set; a queue that is made here keeps them for 14, the most there is. Older ones are dropped, whether or not somebody
//! had them. SQS may deliver a message twice at any time, rarely.
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

// Each item of a feature says so on docs.rs.
#![cfg_attr(docsrs, feature(doc_cfg))]
// Times come from outside, and a panic in the arithmetic on them is a lost shutdown. Tests may panic.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects, unused_crate_dependencies))]

mod builder;
mod error;
mod link;
mod message;
mod polls;
mod queue;
mod settle;

pub use builder::SqsBuilder;
pub use error::SqsQueueError;
pub use queue::SqsQueue;
pub use settle::SqsReceipt;
