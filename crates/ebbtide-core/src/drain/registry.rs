//! The registry of stragglers: what is in flight, for how long, and where it was created.

use std::borrow::Cow;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Instant;

use crossbeam_utils::CachePadded;
use slab::Slab;

use super::shards::{shard_count, slot};
use super::sync::Lock;
use crate::model::Straggler;

/// The maximum number of shards: 256 bytes each.
const MAX_SHARDS: usize = 32;

/// An empty shard with a capacity above this one frees its memory.
const MAX_IDLE_CAPACITY: usize = 256;

/// A registry of the name, the age and the origin of everything in flight. Clones share the registry.
///
/// Work is registered in the shard of the calling thread, so that threads do not contend. A record takes about 64 bytes plus
/// its name.
///
/// # Examples
///
/// ```
/// # use ebbtide_core as ebbtide;
/// let registry = ebbtide::drain::Registry::new();
/// let _entry = registry.register("GET /orders/7");
/// let stragglers = registry.stragglers();
/// assert_eq!(stragglers[0].name, "GET /orders/7");
/// ```
#[derive(Clone)]
pub struct Registry {
    shared: Arc<RegistryState>,
}

impl Registry {
    /// Creates an empty registry.
    ///
    /// # Examples
    ///
    /// ```
    /// # use ebbtide_core as ebbtide;
    /// let registry = ebbtide::drain::Registry::new();
    /// assert!(registry.stragglers().is_empty());
    /// ```
    pub fn new() -> Self {
        #[expect(clippy::disallowed_methods, reason = "the default clock; `with_clock` takes another")]
        Self::with_clock(Instant::now)
    }

    /// Creates an empty registry that computes ages with the given clock, such as one that tests control.
    pub fn with_clock(now: fn() -> Instant) -> Self {
        let shards = (0..shard_count(MAX_SHARDS)).map(|_| Arc::default()).collect();
        Self { shared: Arc::new(RegistryState { now, shards }) }
    }

    /// Registers a piece of work under a name, with the caller's source location as its origin.
    ///
    /// # Examples
    ///
    /// ```
    /// # use ebbtide_core as ebbtide;
    /// let registry = ebbtide::drain::Registry::new();
    /// let id = 7;
    /// let entry = registry.register(format!("job {id}"));
    /// assert_eq!(registry.stragglers()[0].name, "job 7");
    /// # drop(entry);
    /// ```
    #[track_caller]
    pub fn register(&self, name: impl Into<Cow<'static, str>>) -> Entry {
        self.register_from(name, Location::caller())
    }

    /// Registers a piece of work under a name, with a given source location as its origin.
    ///
    /// A library uses it to report the location of its caller instead of a location in its own source.
    ///
    /// # Examples
    ///
    /// ```
    /// # use ebbtide_core as ebbtide;
    /// use std::panic::Location;
    ///
    /// #[track_caller]
    /// fn begin(registry: &ebbtide::drain::Registry) -> ebbtide::drain::Entry {
    ///     registry.register_from("job 7", Location::caller())
    /// }
    /// let registry = ebbtide::drain::Registry::new();
    /// let _entry = begin(&registry);
    /// assert!(registry.stragglers()[0].created.is_some());
    /// ```
    pub fn register_from(
        &self,
        name: impl Into<Cow<'static, str>>,
        created: &'static Location<'static>,
    ) -> Entry {
        let shards = &self.shared.shards;
        let shard = &shards[slot() & (shards.len() - 1)];
        let key = shard.insert(name.into(), (self.shared.now)(), created);
        Entry { shard: Arc::clone(shard), key }
    }

    /// Returns what is in flight now, oldest first.
    ///
    /// Work that is registered or dropped during the call may or may not be included.
    ///
    /// # Examples
    ///
    /// ```
    /// # use ebbtide_core as ebbtide;
    /// let registry = ebbtide::drain::Registry::new();
    /// let entries = [registry.register("first"), registry.register("second")];
    /// let names: Vec<_> = registry.stragglers().into_iter().map(|straggler| straggler.name).collect();
    /// assert_eq!(names, ["first", "second"]);
    /// # drop(entries);
    /// ```
    pub fn stragglers(&self) -> Vec<Straggler> {
        let mut records = Vec::new();
        self.shared.shards.iter().for_each(|shard| shard.collect_into(&mut records));
        records.sort_by_key(|record| (record.since, record.order));
        let now = (self.shared.now)();
        records.into_iter().map(|record| describe(record, now)).collect()
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("in_flight", &self.stragglers().len()).finish_non_exhaustive()
    }
}

/// A guard for one named piece of work: dropping it removes the work from the registry. Created by [`Registry::register`] and
/// [`Registry::register_from`].
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
#[must_use = "the work is removed from the registry when this is dropped"]
pub struct Entry {
    shard: Arc<Shard>,
    key: usize,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.shard.remove(self.key);
    }
}

struct RegistryState {
    now: fn() -> Instant,
    /// A separate `Arc` for each shard, so that threads do not contend on one reference count.
    shards: Box<[Arc<Shard>]>,
}

/// The records that one thread registered (or a few threads: see [`slot`]).
///
/// # Invariants
///
/// 1. A record is in its place from `insert` until the one [`Entry`] with its key removes it: no two records have the same key
///    at the same time.
/// 2. No name is created, cloned or dropped under the lock, except that a snapshot clones the names.
/// 3. `order` grows with each record: within a shard it orders two records that the clock does not.
#[derive(Debug, Default)]
struct Shard {
    records: CachePadded<Lock<Records>>,
}

#[derive(Debug, Default)]
struct Records {
    next: u64,
    places: Slab<Record>,
}

/// One piece of named work.
#[derive(Clone, Debug)]
struct Record {
    name: Cow<'static, str>,
    since: Instant,
    created: &'static Location<'static>,
    order: u64,
}

impl Shard {
    fn insert(&self, name: Cow<'static, str>, since: Instant, created: &'static Location<'static>) -> usize {
        let mut records = self.records.lock();
        let order = records.next;
        records.next += 1;
        records.places.insert(Record { name, since, created, order })
    }

    fn remove(&self, key: usize) {
        let removed = {
            let mut records = self.records.lock();
            let record = records.places.try_remove(key);
            let emptied = records.places.is_empty() && records.places.capacity() > MAX_IDLE_CAPACITY;
            (record, emptied.then(|| std::mem::take(&mut records.places)))
        };
        // Dropped after the lock is released (invariant 2).
        drop(removed);
    }

    fn collect_into(&self, all: &mut Vec<Record>) {
        all.extend(self.records.lock().places.iter().map(|(_, record)| record.clone()));
    }
}

fn describe(record: Record, now: Instant) -> Straggler {
    Straggler {
        name: record.name.into_owned(),
        age: now.saturating_duration_since(record.since),
        created: Some(format!("{}:{}", record.created.file(), record.created.line())),
    }
}
