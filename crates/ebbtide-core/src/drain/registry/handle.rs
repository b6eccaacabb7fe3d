use std::borrow::Cow;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Instant;

use super::entry::Entry;
use super::shard::{Record, Shard};
use crate::drain::sync::{shard_count, slot};
use crate::model::Straggler;

/// The most shards a registry has: 256 bytes each.
const MOST_SHARDS: usize = 32;

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
    shared: Arc<Shared>,
}

struct Shared {
    now: fn() -> Instant,
    /// Each counted by itself: an entry's reference is counted on its own shard's cache line.
    shards: Box<[Arc<Shard>]>,
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
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
        Self { shared: Arc::new(Shared { now, shards }) }
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
        Entry::new(Arc::clone(shard), key)
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

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("in_flight", &self.stragglers().len()).finish_non_exhaustive()
    }
}

fn describe(record: Record, now: Instant) -> Straggler {
    Straggler {
        name: record.name.into_owned(),
        age: now.saturating_duration_since(record.since),
        created: Some(format!("{}:{}", record.created.file(), record.created.line())),
    }
}
