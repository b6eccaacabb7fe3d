//! One queue type for all brokers, so that the command line can select one.
//!
//! A service with a fixed broker needs none of this. It passes the adapter to `Handle::consume`.

mod any;
mod messages;
mod place;
mod streams;
mod tables;

pub(crate) use any::BoxFuture;
pub use any::{AnyQueue, AnyReceipt, Left};
pub use place::{QueueKind, QueuePlace};
