//! TLS: what is agreed on, what is exchanged while the server runs, and how it ends.

mod agreed;
mod certificates;
mod ends;
mod halting;
mod handshake;
mod pair;
mod records;
mod storm;

pub(crate) use pair::Pair;
