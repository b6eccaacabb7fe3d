//! One queue, whichever broker it is on: what lets a service choose it on its command line.
//!
//! A service that knows its broker needs none of this. It passes the adapter to `Life::consume`.

mod any;
mod kind;
mod left;
mod onlooker;
mod place;
mod receipt;
mod remove;
#[cfg(feature = "sqs")]
mod sqs;

pub use any::AnyQueue;
pub use kind::QueueKind;
pub use left::Left;
pub use place::QueuePlace;
pub use receipt::AnyReceipt;
