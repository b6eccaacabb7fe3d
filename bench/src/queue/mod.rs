//! The throughput of the consumer loop with a handler that does nothing, beside the same client crates used by hand and
//! beside apalis.

#[cfg(feature = "peers")]
mod apalis;
#[cfg(feature = "peers")]
mod broker;
#[cfg(feature = "peers")]
mod by_hand;
mod column;
#[cfg(feature = "peers")]
mod nats;
mod options;
#[cfg(feature = "peers")]
mod postgres;
#[cfg(feature = "peers")]
mod rabbitmq;
#[cfg(feature = "peers")]
mod redis;
mod report;
#[cfg(feature = "peers")]
mod run;
mod side;
#[cfg(feature = "peers")]
mod sqlite;
#[cfg(feature = "peers")]
mod sqs;
#[cfg(feature = "peers")]
mod work;

pub use column::Column;
pub use options::Options;
#[cfg(feature = "peers")]
pub use run::run;
pub use side::Side;
