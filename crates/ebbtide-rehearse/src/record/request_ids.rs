//! The ids by which a service may log requests, and which of them its output has.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// The usual header for the id of a request, which many services log.
pub(crate) const LOGGED_ID: &str = "x-request-id";

/// The ids of the requests of one run: UUIDs, since some services replace or refuse anything else, and all of one length, so that
/// a body with an id in it keeps its length.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct RequestIds {
    run: u64,
}

/// The length of the number at the end of an id.
pub(crate) const NUMBER_LENGTH: usize = 12;

impl RequestIds {
    /// Draws ids that no other run has: logs of several runs may be in one place.
    pub(crate) fn draw() -> Self {
        Self { run: fastrand::u64(..) }
    }

    /// Returns the id of the request with this number.
    pub(crate) fn of(self, number: u64) -> String {
        format!("{}{number:0NUMBER_LENGTH$}", self.prefix())
    }

    /// Returns what each id of the run begins with. The number follows.
    pub(crate) fn prefix(self) -> String {
        let part = |shift: u32, mask: u64| (self.run >> shift) & mask;
        format!("ebb71de0-{:04x}-4{:03x}-8{:03x}-", part(0, 0xffff), part(16, 0xfff), part(28, 0xfff))
    }
}

/// Which ids of requests the output of the service has. It is looked at only if a request had no response.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct LoggedIds {
    /// The numbers of requests without a response whose id is in the output.
    pub unanswered: BTreeSet<u64>,
    /// How many answered requests were looked for: of the same routes, after the beginning of the stop, or the last ones before it.
    pub answered: u64,
    /// How many of these have their id in the output.
    pub answered_in_output: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_uuid_that_ends_with_the_number() {
        let ids = RequestIds { run: 0xfed_cba9_8765_4321 };
        assert_eq!(ids.of(47), "ebb71de0-4321-4765-8a98-000000000047");
        assert_ne!(RequestIds::draw(), RequestIds::draw());
        assert_eq!(ids.of(47).len(), ids.of(400_000).len());
    }
}
