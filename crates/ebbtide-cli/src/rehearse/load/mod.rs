//! The clients. Every request is sent once and watched to its end; nothing is ever sent again.

mod body;
mod connection;
mod crew;
mod engine;
mod keepalive;
mod open;
mod orders;
mod phases;
mod raw;
mod response;
mod slow;
mod stage;
mod storm;
#[cfg(test)]
mod tests;
mod wire;
mod wish;

pub(crate) use engine::{Address, Hold, Load, LoadOrder};
