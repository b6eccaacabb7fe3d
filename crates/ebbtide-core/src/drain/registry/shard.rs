use std::borrow::Cow;
use std::panic::Location;
use std::time::Instant;

use crossbeam_utils::CachePadded;
use slab::Slab;

use crate::drain::sync::Lock;

/// Above this many free places, an empty shard gives its memory back.
const KEPT_PLACES: usize = 256;

/// What was registered on one thread (or on a few: see [`slot`](crate::drain::sync::slot)).
///
/// # Invariants
///
/// 1. A record is in its place from `insert` until the one [`Entry`](super::Entry) with its key removes it: keys are not
///    given out twice at a time.
/// 2. No name is made, cloned out of need, or dropped under the lock, save those a snapshot copies.
/// 3. `order` grows with each record: within a shard it tells which of two came first where the clock does not.
#[derive(Debug, Default)]
pub(super) struct Shard {
    records: CachePadded<Lock<Records>>,
}

#[derive(Debug, Default)]
struct Records {
    next: u64,
    places: Slab<Record>,
}

/// One piece of named work.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) name: Cow<'static, str>,
    pub(super) since: Instant,
    pub(super) created: &'static Location<'static>,
    pub(super) order: u64,
}

impl Shard {
    pub(super) fn insert(
        &self,
        name: Cow<'static, str>,
        since: Instant,
        created: &'static Location<'static>,
    ) -> usize {
        let mut records = self.records.lock();
        let order = records.next;
        records.next += 1;
        records.places.insert(Record { name, since, created, order })
    }

    pub(super) fn remove(&self, key: usize) {
        let removed = {
            let mut records = self.records.lock();
            let record = records.places.try_remove(key);
            let emptied = records.places.is_empty() && records.places.capacity() > KEPT_PLACES;
            (record, emptied.then(|| std::mem::take(&mut records.places)))
        };
        // Only now, with the lock free.
        drop(removed);
    }

    pub(super) fn collect_into(&self, all: &mut Vec<Record>) {
        all.extend(self.records.lock().places.iter().map(|(_, record)| record.clone()));
    }
}
