//! The servers that tests need: for each kind the one that is named, the local one, or one of our own.

mod kind;
mod nats;
mod own;
pub(super) mod postgres;
mod process;
mod provide;
mod rabbitmq;
mod redis;
mod sqs;

pub(super) use provide::Servers;
