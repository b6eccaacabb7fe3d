//! Relays between the service and its dependencies: what passes is forwarded as it is, and how each connection ends is recorded.

mod connection;
mod observer;
mod owners;
mod relays;

pub(crate) use relays::Relays;
