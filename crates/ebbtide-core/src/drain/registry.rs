//! The registry of stragglers: who is in flight, for how long, and where it came from.

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

/// The most shards a registry has: 256 bytes each.
const MOST_SHARDS: usize = 32;

/// Above this many free places, an empty shard gives its memory back.
const KEPT_PLACES: usize = 256;

/// Knows the name, the age and the origin of everything in flight. Clones are the same registry.
///
/// Work is registered in the shard of the thread that does it, so that threads don't contend. A record takes about 64
/// bytes and what the name takes.
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
    /// Makes an empty registry.
    ///
    /// # Examples
    ///
    /// ```
    /// # use ebbtide_core as ebbtide;
    /// let registry = ebbtide::drain::Registry::new();
    /// assert!(registry.stragglers().is_empty());
    /// ```
    pub fn new() -> Self {
        #[expect(clippy::disallowed_methods, reason = "the clock of the machine, which callers may exchange")]
        Self::with_clock(Instant::now)
    }

    /// Makes an empty registry whose ages are those of another clock, such as one that tests move.
    pub fn with_clock(now: fn() -> Instant) -> Self {
        let shards = (0..shard_count(MOST_SHARDS)).map(|_| Arc::default()).collect();
        Self { shared: Arc::new(RegistryState { now, shards }) }
    }

    /// Registers a piece of work under a name, and notes the caller's place in the source as its origin.
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

    /// Registers a piece of work under a name, with a place in the source as its origin: for a library, whose own file tells its
    /// users nothing.
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
    /// What is registered or dropped during the call may be missing or be there.
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

/// One named piece of work, until it is dropped. Made by [`Registry::register`].
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

impl Drop for Entry {
    fn drop(&mut self) {
        self.shard.remove(self.key);
    }
}

struct RegistryState {
    now: fn() -> Instant,
    /// Each counted by itself: an entry's reference is counted on its own shard's cache line.
    shards: Box<[Arc<Shard>]>,
}

/// What was registered on one thread (or on a few: see [`slot`]).
///
/// # Invariants
///
/// 1. A record is in its place from `insert` until the one [`Entry`] with its key removes it: keys are not
///    given out twice at a time.
/// 2. No name is made, cloned out of need, or dropped under the lock, save those a snapshot copies.
/// 3. `order` grows with each record: within a shard it tells which of two came first where the clock does not.
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
            let emptied = records.places.is_empty() && records.places.capacity() > KEPT_PLACES;
            (record, emptied.then(|| std::mem::take(&mut records.places)))
        };
        // Only now, with the lock free.
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
