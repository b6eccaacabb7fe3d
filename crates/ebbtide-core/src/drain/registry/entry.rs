use std::sync::Arc;

use super::shard::Shard;

/// One named piece of work, until it is dropped. Made by [`Registry::register`](super::Registry::register).
///
/// # Examples
///
/// ```
/// # use ebbtide_core as ebbtide;
/// let registry = ebbtide::drain::Registry::new();
/// let entry = registry.register("job 7");
/// drop(entry);
/// assert!(registry.stragglers().is_empty());
/// ```
#[derive(Debug)]
#[must_use = "the work is forgotten when this is dropped"]
pub struct Entry {
    shard: Arc<Shard>,
    key: usize,
}

impl Entry {
    pub(super) fn new(shard: Arc<Shard>, key: usize) -> Self {
        Self { shard, key }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.shard.remove(self.key);
    }
}
