//! Puts a [`Queue`](crate::queue::Queue) to the test: does it keep what the trait promises?
//!
//! Write a [`Subject`] for it: how to open a consumer, how to push a job, how to count. Then [`conforms`] tries every
//! [`Promise`] on it, each on a queue of its own, against the real broker; or take them one by one from [`promises`].
//!
//! # Examples
//!
//! ```
//! use std::time::Duration;
//!
//! use ebbtide::testing::queue::{MemoryQueue, conforms};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
//! let kept = conforms(async || Ok(MemoryQueue::new(Duration::from_secs(1)))).await?;
//! assert!(!kept.is_empty());
//! # Ok::<(), ebbtide::testing::queue::NotConforming>(())
//! # }).unwrap();
//! ```

mod bench;
mod conforms;
mod memory;
mod promise;
pub mod promises;
mod relay;
mod subject;

pub use conforms::conforms;
pub use memory::{MemoryQueue, MemoryReceipt};
pub use promise::{Broken, NotConforming, Promise, Verdict, Why};
pub use relay::Relay;
pub use subject::{Census, DeadLettered, Subject};
