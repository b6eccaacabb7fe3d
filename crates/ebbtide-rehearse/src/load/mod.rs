//! The clients. Every request is sent once and watched to its end; nothing is ever sent again.

mod crew;
mod engine;
mod keepalive;
mod open;
mod orders;
mod phases;
mod slow;
mod stage;
mod storm;
#[cfg(test)]
mod tests;

pub(crate) use engine::{Address, Hold, Load, LoadOrder};
