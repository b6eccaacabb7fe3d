//! Brokers of a test's own: to be killed, and started again over what they had written.

mod account;
mod broker;
mod launch;
mod postgres;
mod rabbitmq;

pub use broker::Broker;
