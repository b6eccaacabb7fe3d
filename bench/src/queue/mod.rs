//! The throughput of the consumer loop with a handler that does nothing, beside the same client crates used by hand and
//! beside apalis.

#[cfg(feature = "peers")]
mod apalis;
#[cfg(feature = "peers")]
mod broker;
#[cfg(feature = "peers")]
mod nats;
mod options;
#[cfg(feature = "peers")]
mod postgres;
#[cfg(feature = "peers")]
mod rabbitmq;
#[cfg(feature = "peers")]
mod redis;
#[cfg(any(feature = "peers", test))]
mod report;
#[cfg(feature = "peers")]
mod run;
#[cfg(feature = "peers")]
mod sqlite;
#[cfg(feature = "peers")]
mod sqs;

pub use options::{Column, Options, Side};
#[cfg(feature = "peers")]
pub use run::run;
