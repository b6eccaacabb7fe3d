use std::borrow::Cow;
use std::collections::BTreeMap;
use std::panic::Location;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::model::Straggler;

/// Knows the name, the age and the origin of everything in flight.
#[derive(Clone, Debug)]
pub struct Registry {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    now: fn() -> Instant,
    entries: Mutex<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    next: u64,
    named: BTreeMap<u64, (Cow<'static, str>, Instant, &'static Location<'static>)>,
}

/// One named piece of work, until it is dropped.
#[derive(Debug)]
#[must_use = "the work is forgotten when this is dropped"]
pub struct Entry {
    shared: Arc<Shared>,
    key: u64,
}

impl Registry {
    /// Makes an empty registry that takes ages from `now`.
    pub fn new(now: fn() -> Instant) -> Self {
        Self { shared: Arc::new(Shared { now, entries: Mutex::default() }) }
    }

    /// Registers a piece of work under a name.
    #[track_caller]
    pub fn register(&self, name: impl Into<Cow<'static, str>>) -> Entry {
        let mut entries = self.shared.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let key = entries.next;
        entries.next += 1;
        entries.named.insert(key, (name.into(), (self.shared.now)(), Location::caller()));
        Entry { shared: Arc::clone(&self.shared), key }
    }

    /// Returns what is in flight now, oldest first.
    pub fn stragglers(&self) -> Vec<Straggler> {
        let now = (self.shared.now)();
        let entries = self.shared.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let describe =
            |(name, since, at): &(Cow<'static, str>, Instant, &'static Location<'static>)| Straggler {
                name: name.to_string(),
                age: now.saturating_duration_since(*since),
                created: Some(format!("{}:{}", at.file(), at.line())),
            };
        entries.named.values().map(describe).collect()
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.shared.entries.lock().unwrap_or_else(PoisonError::into_inner).named.remove(&self.key);
    }
}
