//! The accept queues of the service, from the signal until their listeners close.

use std::net::SocketAddr;
use std::time::Duration;

use crate::child::{AcceptQueues, QueueSeen};
use crate::clock::At;
use crate::record::AcceptQueue;

/// A sample that is older when the listener is found closed says nothing of that moment.
const RECENT: Duration = Duration::from_millis(50);

/// The last sample of each queue.
#[derive(Debug, Default)]
pub(super) struct QueueSamples {
    queues: AcceptQueues,
    last: Vec<LastSample>,
}

#[derive(Clone, Copy, Debug)]
struct LastSample {
    address: SocketAddr,
    length: Option<(At, u32)>,
    closed: Option<At>,
}

impl QueueSamples {
    /// Finds the listeners of the processes `pids`; those found before stay if these have none any more.
    pub(super) fn find(&mut self, pids: &[i32]) {
        let found = AcceptQueues::of(pids);
        if !found.is_empty() {
            self.queues = found;
        }
    }

    /// Takes a sample of each queue.
    pub(super) fn look(&mut self, now: impl Fn() -> At) {
        let begun = now();
        let seen = self.queues.look();
        self.sampled(begun, &seen, now());
    }

    /// Returns the queues in which connections waited shortly before their listeners closed.
    pub(super) fn left(&self, signalled: At) -> Vec<AcceptQueue> {
        let left = |last: &LastSample| {
            let ((at, length), closed) = (last.length.filter(|(_, length)| *length > 0)?, last.closed?);
            (closed.since(at) <= RECENT).then(|| AcceptQueue {
                address: last.address.to_string(),
                connections: length.into(),
                before_close_ms: closed.ms_from(at),
                closed_after_ms: closed.ms_from(signalled).max(0.0),
            })
        };
        self.last.iter().filter_map(left).collect()
    }

    /// Adds what was seen between `begun` and `ended`.
    fn sampled(&mut self, begun: At, seen: &[(SocketAddr, QueueSeen)], ended: At) {
        if self.last.len() != seen.len() {
            let new = |(address, _): &(SocketAddr, QueueSeen)| LastSample {
                address: *address,
                length: None,
                closed: None,
            };
            self.last = seen.iter().map(new).collect();
        }
        for (last, (_, seen)) in self.last.iter_mut().zip(seen) {
            match seen {
                // A list that others change while it is read may lack a socket for once.
                QueueSeen::Length(length) => (last.length, last.closed) = (Some((begun, *length)), None),
                QueueSeen::Closed => last.closed = last.closed.or(Some(ended)),
                QueueSeen::Unknown => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns what is left after samples that begin at these milliseconds and take one; `None`: closed.
    fn left(samples: &[(u64, Option<u32>)]) -> Vec<(u64, f64, f64)> {
        let mut queues = QueueSamples::default();
        let address = SocketAddr::from(([127, 0, 0, 1], 80));
        for (ms, length) in samples {
            let seen = length.map_or(QueueSeen::Closed, QueueSeen::Length);
            queues.sampled(At(ms * 1000), &[(address, seen)], At((ms + 1) * 1000));
        }
        let left = queues.left(At(100_000));
        left.iter().map(|queue| (queue.connections, queue.before_close_ms, queue.closed_after_ms)).collect()
    }

    #[test]
    fn what_waited_in_the_last_sample_is_left() {
        assert_eq!(left(&[(110, Some(9)), (120, Some(3)), (130, None), (140, None)]), [(3, 11.0, 31.0)]);
        assert_eq!(left(&[(110, Some(9)), (120, None), (130, Some(3)), (140, None)]), [(3, 11.0, 41.0)]);
        for nothing in [
            // Accepted, still open, and closed before the first sample.
            &[(110, Some(9)), (120, Some(0)), (130, None)][..],
            &[(110, Some(9)), (120, Some(9))],
            &[(110, None), (120, None)],
            // Too long before.
            &[(110, Some(9)), (160, None)],
        ] {
            assert_eq!(left(nothing), []);
        }
    }
}
