//! Packs the requests of a run into some seven bytes each, for a page with hundreds of thousands of them. `data.js` unpacks them.
//!
//! Each request is five numbers: the time since the previous one began, its duration (both in microseconds), the index of its outcome,
//! the index of its kind, and the difference of its id to the previous one. A number has seven bits in each byte, the lowest first,
//! and the highest bit of a byte says that another one follows. The id's difference is doubled if it is positive, and otherwise
//! doubled, made positive, and reduced by one.

use std::collections::HashMap;
use std::hash::Hash;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ebbtide_rehearse::{At, OutcomeClass, PicturedRequest, Shape};
use serde::Serialize;

/// The requests of a run, packed.
#[derive(Debug)]
pub(super) struct PackedRequests {
    pub(super) outcomes: Vec<Outcome>,
    pub(super) kinds: Vec<Kind>,
    /// Base64.
    pub(super) data: String,
}

/// An outcome: its class, whether the shutdown is to blame, and what it was.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize)]
pub(super) struct Outcome(OutcomeClass, bool, String);

/// A kind of request: shape, route, phase, and whether it was the first one of its connection.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize)]
pub(super) struct Kind(Shape, String, Option<&'static str>, bool);

impl PackedRequests {
    /// Packs `requests`, which are sorted by their beginning, at or after `begin`.
    pub(super) fn of(requests: &[PicturedRequest<'_>], begin: At) -> Self {
        let (mut outcomes, mut kinds) = (Table::default(), Table::default());
        let mut bytes = Vec::with_capacity(requests.len().saturating_mul(8));
        let (mut before, mut id) = (begin, 0_u64);
        for request in requests {
            let outcome = outcomes.index(Outcome(request.class, request.blamed, request.what.clone()));
            let phase = request.phase.map(|phase| phase.name());
            let kind = kinds.index(Kind(request.shape, request.route.to_owned(), phase, request.fresh));
            number(&mut bytes, request.begun.0.saturating_sub(before.0));
            number(&mut bytes, request.ended.0.saturating_sub(request.begun.0));
            number(&mut bytes, outcome);
            number(&mut bytes, kind);
            number(&mut bytes, difference(id, request.id));
            (before, id) = (request.begun, request.id);
        }
        Self { outcomes: outcomes.entries, kinds: kinds.entries, data: STANDARD.encode(bytes) }
    }
}

struct Table<T> {
    entries: Vec<T>,
    indices: HashMap<T, u64>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), indices: HashMap::new() }
    }
}

impl<T: Clone + Eq + Hash> Table<T> {
    fn index(&mut self, entry: T) -> u64 {
        if let Some(index) = self.indices.get(&entry) {
            return *index;
        }
        let index = self.entries.len() as u64;
        self.entries.push(entry.clone());
        self.indices.insert(entry, index);
        index
    }
}

fn number(bytes: &mut Vec<u8>, mut number: u64) {
    while number > 127 {
        bytes.push((number & 127) as u8 | 128);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn difference(before: u64, after: u64) -> u64 {
    match after.checked_sub(before) {
        Some(more) => more.saturating_mul(2),
        None => before.saturating_sub(after).saturating_mul(2).saturating_sub(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_seven_bits_in_each_byte() {
        let packed = |value| {
            let mut bytes = Vec::new();
            number(&mut bytes, value);
            bytes
        };
        assert_eq!(packed(0), [0]);
        assert_eq!(packed(127), [127]);
        assert_eq!(packed(128), [128, 1]);
        assert_eq!(packed(300), [172, 2]);
        assert_eq!(packed(u64::MAX).len(), 10);
        assert_eq!([difference(5, 7), difference(7, 5), difference(5, 5)], [4, 3, 0]);
    }
}
