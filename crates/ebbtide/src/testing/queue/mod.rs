//! A conformance suite for implementations of [`Queue`](crate::queue::Queue).
//!
//! Implement a [`Subject`]: how to open a consumer, push a job, and count jobs. [`conforms`] then tests every [`Promise`], each
//! on a separate queue, against the real broker. [`promises`] has the individual tests.
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
pub use subject::{DeadLettered, Subject, SubjectCounts};
