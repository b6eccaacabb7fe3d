//! The throughput of the consumer loop with a handler that does nothing, beside the same client crates used by hand and
//! beside apalis.

mod apalis;
mod broker;
mod by_hand;
mod column;
mod nats;
mod options;
mod postgres;
mod rabbitmq;
mod redis;
mod report;
mod run;
mod side;
mod sqlite;
mod sqs;
mod work;

pub use column::Column;
pub use options::Options;
pub use run::run;
pub use side::Side;
