//! What the primitives are built from: std's types, or loom's in a build with `--cfg ebbtide_loom`.

mod atomic;
mod lock;
mod once;
mod shards;

pub(super) use atomic::{AtomicU8, AtomicU64, SeqCounter, SeqFlag};
pub(super) use lock::Lock;
pub(super) use once::OnceLock;
pub(super) use shards::{shard_count, slot};
