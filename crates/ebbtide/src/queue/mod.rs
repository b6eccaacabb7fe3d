//! Consumers of queues that stop without losing a job.
//!
//! [`Handle::consume`](crate::Handle::consume) runs the loop over a [`Queue`]: it fetches as many jobs as it can run, runs up
//! to a fixed number of them concurrently, acknowledges finished jobs, and requeues jobs that it cannot finish before the
//! deadline. [`Consumer`] is the same loop for programs that keep their own `main`.
//!
//! # Implementing a queue
//!
//! This implementation is complete, but keeps the jobs in memory and loses them when the process exits:
//!
//! ```
//! use std::sync::Mutex;
//! use std::time::Duration;
//!
//! use ebbtide::queue::{Delivery, Queue, Settled, Settlement};
//! use ebbtide::{BoxError, Stop};
//! use tokio::sync::Notify;
//! use tokio::time::{Instant, sleep_until};
//!
//! #[derive(Default)]
//! struct Memory {
//!     jobs: Mutex<Vec<Entry>>,
//!     news: Notify,
//! }
//!
//! struct Entry {
//!     job: Delivery<usize>,
//!     state: State,
//! }
//!
//! #[derive(Debug, PartialEq)]
//! enum State {
//!     Queued(Option<Instant>),
//!     Leased,
//!     Done,
//!     DeadLettered(String),
//! }
//!
//! impl Memory {
//!     fn push(&self, payload: &str) {
//!         let mut jobs = self.jobs.lock().unwrap();
//!         let receipt = jobs.len();
//!         let job = Delivery { receipt, id: receipt.to_string(), payload: payload.into(), attempt: 0 };
//!         jobs.push(Entry { job, state: State::Queued(None) });
//!         self.news.notify_one();
//!     }
//!
//!     /// Takes the jobs that are due, and returns when the next one is.
//!     fn take(&self, max: usize, now: Instant) -> (Vec<Delivery<usize>>, Option<Instant>) {
//!         let (mut taken, mut next) = (Vec::new(), None);
//!         for Entry { job, state } in self.jobs.lock().unwrap().iter_mut() {
//!             match *state {
//!                 State::Queued(Some(at)) if at > now => next = Some(next.unwrap_or(at).min(at)),
//!                 State::Queued(_) if taken.len() < max => {
//!                     *state = State::Leased;
//!                     job.attempt += 1;
//!                     taken.push(job.clone());
//!                 }
//!                 _ => {}
//!             }
//!         }
//!         (taken, next)
//!     }
//! }
//!
//! impl Queue for Memory {
//!     type Receipt = usize;
//!
//!     async fn fetch(&self, max: usize, stop: &Stop) -> Result<Vec<Delivery<usize>>, BoxError> {
//!         while !stop.is_stopping() {
//!             let (taken, next) = self.take(max, Instant::now());
//!             if !taken.is_empty() {
//!                 return Ok(taken);
//!             }
//!             let due = async {
//!                 match next {
//!                     Some(at) => sleep_until(at).await,
//!                     None => std::future::pending().await,
//!                 }
//!             };
//!             tokio::select! {
//!                 () = stop.stopping() => {}
//!                 () = self.news.notified() => {}
//!                 () = due => {}
//!             }
//!         }
//!         Ok(Vec::new())
//!     }
//!
//!     async fn settle(&self, receipt: &usize, settlement: Settlement) -> Result<Settled, BoxError> {
//!         let mut jobs = self.jobs.lock().unwrap();
//!         let Entry { job, state } = &mut jobs[*receipt];
//!         if *state != State::Leased {
//!             return Ok(Settled::Lost);
//!         }
//!         *state = match settlement {
//!             Settlement::Ack => State::Done,
//!             Settlement::Retry { after, .. } => State::Queued(Some(Instant::now() + after)),
//!             Settlement::DeadLetter { error } => State::DeadLettered(error),
//!             Settlement::Requeue => {
//!                 job.attempt -= 1;
//!                 State::Queued(None)
//!             }
//!         };
//!         // A waiting fetch computed its timer before this job was queued again.
//!         self.news.notify_one();
//!         Ok(Settled::Done)
//!     }
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
//! # use ebbtide::drain::StopSource;
//! # use ebbtide::queue::Consumer;
//! let queue = std::sync::Arc::new(Memory::default());
//! queue.push("work");
//! queue.push("trouble");
//! let consumer = Consumer::new("jobs", queue.clone(), 8, |job: ebbtide::queue::Job, _stop| async move {
//!     if job.payload() == b"trouble" { Err("it always fails".into()) } else { Ok(()) }
//! });
//! # let source = StopSource::with_clock(|| tokio::time::Instant::now().into_std());
//! # let token = source.token();
//! # let stop = async { tokio::time::sleep(Duration::from_secs(3600)).await; source.cancel() };
//! # let (tally, ()) = tokio::join!(consumer.run(token), stop);
//! # assert_eq!((tally.acked, tally.retried, tally.dead_lettered), (1, 9, 1));
//! let states = queue.jobs.lock().unwrap();
//! assert_eq!(states[0].state, State::Done);
//! assert_eq!(states[1].state, State::DeadLettered("it always fails".to_owned()));
//! # });
//! ```
//!
//! A queue that outlives the process also needs a [lease](Queue::lease), or a broker that detects a disconnected client.

mod combiner;
mod consumer;
mod handle;
mod job;
mod options;
#[expect(clippy::module_inception, reason = "the trait is what the folder is about")]
mod queue;

pub use combiner::Combiner;
pub use consumer::{Consumer, Tally};
pub use job::{Job, Permanent};
pub use options::ConsumeOptions;
pub use queue::{Delivery, JobCounts, Queue, Settled, Settlement};
