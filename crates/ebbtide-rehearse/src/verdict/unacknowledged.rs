//! Deliveries that the service had not acknowledged when it closed. They are not lost: their broker delivers them again.

use std::fmt;

use serde::Serialize;

use crate::record::{DependencyProtocol, Record, RelayedDependency};
use crate::words;

/// The deliveries of a dependency that were not acknowledged.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Unacknowledged {
    /// The name of the dependency.
    pub dependency: String,
    /// How many deliveries.
    pub deliveries: u64,
    /// To how many connections.
    pub connections: u64,
    #[serde(skip)]
    protocol: DependencyProtocol,
}

impl Unacknowledged {
    /// Returns those of each dependency that has some.
    pub(super) fn of(record: &Record) -> Vec<Self> {
        record.relayed.iter().filter_map(Self::of_one).collect()
    }

    fn of_one(seen: &RelayedDependency) -> Option<Self> {
        let with = seen.connections.iter().map(|end| end.unacknowledged).filter(|count| *count > 0);
        let (connections, deliveries) =
            with.fold((0_u64, 0_u64), |(all, sum), count| (all.saturating_add(1), sum.saturating_add(count)));
        (connections > 0).then(|| Self {
            dependency: seen.name.clone(),
            deliveries,
            connections,
            protocol: seen.protocol,
        })
    }
}

impl fmt::Display for Unacknowledged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let deliveries = words::plural(self.deliveries, "delivery was", "deliveries were");
        let connections = words::plural(self.connections, "connection", "connections");
        let again = match self.protocol {
            DependencyProtocol::Nats => "redelivered after the ack wait, if the consumer still exists",
            _ => "redelivered by the broker, if the queue still exists",
        };
        write!(f, "{}: {deliveries} not acknowledged at the end of {connections}: {again}", self.dependency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::At;
    use crate::record::{ConnectionSide, RelayedConnection};
    use crate::verdict::samples::{SIGNALLED, good, terms};
    use crate::verdict::{Facts, Verdict, judge};

    fn record(protocol: DependencyProtocol, unacknowledged: &[u64]) -> Record {
        let connection = |unacknowledged: &u64| RelayedConnection {
            ended: Some((At(SIGNALLED + 500_000), ConnectionSide::Service)),
            goodbye: true,
            running: true,
            unacknowledged: *unacknowledged,
            ..RelayedConnection::default()
        };
        let relayed = vec![RelayedDependency {
            name: "jobs".to_owned(),
            protocol,
            unreachable: 0,
            earlier: 0,
            connections: unacknowledged.iter().map(connection).collect(),
            owners: Vec::new(),
        }];
        Record { relayed, ..good() }
    }

    #[test]
    fn deliveries_that_are_not_acknowledged_are_a_note_and_no_failure() {
        for (protocol, left, note) in [
            (
                DependencyProtocol::Rabbitmq,
                &[3, 0, 4][..],
                "jobs: 7 deliveries were not acknowledged at the end of 2 connections: \
                 redelivered by the broker, if the queue still exists",
            ),
            (
                DependencyProtocol::Nats,
                &[1],
                "jobs: 1 delivery was not acknowledged at the end of 1 connection: \
                 redelivered after the ack wait, if the consumer still exists",
            ),
        ] {
            let record = record(protocol, left);
            let run = judge(&record, &terms());
            assert_eq!((run.verdict, &*run.notes), (Verdict::Pass, &[note.to_owned()][..]));
            let json = serde_json::to_value(Facts::of(&record, Vec::new())).unwrap();
            let found = &json["unacknowledged"][0];
            assert_eq!(found["dependency"], "jobs");
            assert_eq!(found["deliveries"], left.iter().sum::<u64>());
        }
        let record = record(DependencyProtocol::Rabbitmq, &[0, 0]);
        assert_eq!(judge(&record, &terms()).notes, Vec::<String>::new());
        let json = serde_json::to_value(Facts::of(&record, Vec::new())).unwrap();
        assert!(json["unacknowledged"].is_null(), "{json}");
    }
}
