//! One queue, whichever broker it is on: what lets a service choose it on its command line.
//!
//! A service that knows its broker needs none of this. It passes the adapter to `Handle::consume`.

mod any;
mod broker;
#[cfg(feature = "nats")]
mod nats;
mod place;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "rabbitmq")]
mod rabbitmq;
#[cfg(feature = "redis")]
mod redis;
mod sqlite;
#[cfg(feature = "sqs")]
mod sqs;
#[cfg(not(all(
    feature = "nats",
    feature = "postgres",
    feature = "rabbitmq",
    feature = "redis",
    feature = "sqs"
)))]
mod unsupported;

pub use any::{AnyQueue, AnyReceipt, Left};
pub(crate) use broker::BoxFuture;
pub use place::{QueueKind, QueuePlace};
#[cfg(not(feature = "nats"))]
use unsupported as nats;
#[cfg(not(feature = "postgres"))]
use unsupported as postgres;
#[cfg(not(feature = "rabbitmq"))]
use unsupported as rabbitmq;
#[cfg(not(feature = "redis"))]
use unsupported as redis;
#[cfg(not(feature = "sqs"))]
use unsupported as sqs;
