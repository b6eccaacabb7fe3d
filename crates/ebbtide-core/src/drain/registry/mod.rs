//! The registry of stragglers: who is in flight, for how long, and where it came from.

mod entry;
mod handle;
mod shard;

pub use entry::Entry;
pub use handle::Registry;
