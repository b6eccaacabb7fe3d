//! The servers that the tests need. For each kind: the one named by its variable, else a local one, else one started here.

mod kind;
mod nats;
mod own;
pub(super) mod postgres;
mod process;
mod provide;
mod rabbitmq;
mod redis;
mod sqs;

pub(crate) use own::free_port;
pub(super) use provide::Servers;
