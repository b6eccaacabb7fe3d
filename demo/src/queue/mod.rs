//! One queue, whichever broker it is on: what lets a service choose it on its command line.
//!
//! A service that knows its broker needs none of this. It passes the adapter to `Handle::consume`.

mod any;
mod messages;
mod place;
mod streams;
mod tables;

pub(crate) use any::BoxFuture;
pub use any::{AnyQueue, AnyReceipt, Left};
pub use place::{QueueKind, QueuePlace};
