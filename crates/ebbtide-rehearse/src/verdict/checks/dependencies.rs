//! How the service ended its connections to its dependencies, as their relays saw it.

use crate::record::{ConnectionSide, Record, RelayedConnection, RelayedDependency};
use crate::verdict::{Check, CheckId, Finding};
use crate::words;

/// Did the service end each connection to a dependency in the protocol's way?
pub(in crate::verdict) fn dependencies_closed(record: &Record) -> Check {
    let found = |finding, evidence: String| Check::new(CheckId::DependenciesClosed, finding, evidence);
    let judged: Vec<(Finding, String)> = record.relayed.iter().map(judge).collect();
    let worst = judged.iter().map(|(finding, _)| *finding).max().unwrap_or(Finding::Skipped);
    let lines: Vec<String> = judged.into_iter().map(|(_, line)| line).collect();
    let check = found(worst, lines.join("\n"));
    match worst {
        Finding::Fail => check.hint(
            "close each pool and client as the last resource, after servers and workers have stopped, and wait until it is closed",
        ),
        Finding::Inconclusive => check.hint(
            "the address of the relay is {via.NAME} in the command and in --env, and the variable VIA_NAME of the service",
        ),
        Finding::Pass | Finding::Skipped => check,
    }
}

/// How a connection ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    /// The service ended it in the protocol's way.
    Closed,
    /// The service ended it, or one of several processes of the service ended, and the connection with it.
    ClosedOrWithProcess,
    /// The dependency ended it.
    ByDependency,
    /// It ended with the process, idle. In its protocol that is no different from a close.
    WithProcess,
    /// It ended in no such way: how.
    Abandoned(&'static str),
}

/// Judges what was seen of one dependency, in a line.
fn judge(seen: &RelayedDependency) -> (Finding, String) {
    let name = &seen.name;
    let fates: Vec<Fate> = seen.connections.iter().map(|end| fate(seen, end)).collect();
    if fates.is_empty() {
        let unreachable = match seen.unreachable {
            0 => String::new(),
            count => {
                format!("; {} not accepted by it", words::plural(count, "connection was", "connections were"))
            }
        };
        let earlier = match seen.earlier {
            0 => "the service opened no connection through the relay".to_owned(),
            count => {
                let ended = words::plural(count, "connection", "connections");
                format!("{ended}, ended before the signal")
            }
        };
        return (Finding::Inconclusive, format!("{name}: {earlier}{unreachable}"));
    }
    let count = |wanted: fn(&Fate) -> bool| fates.iter().filter(|fate| wanted(fate)).count() as u64;
    let closed = count(|fate| *fate == Fate::Closed);
    // Where the messages cannot be read, none was seen.
    let said = seen.connections.iter().filter(|end| end.goodbye).count() as u64;
    let goodbye = match seen.protocol.goodbye().filter(|_| closed > 0 && said == closed) {
        Some(message) => format!(" ({message})"),
        None => String::new(),
    };
    let unclear = count(|fate| *fate == Fate::ClosedOrWithProcess);
    let mut parts = match (closed, unclear) {
        (0, 1..) => Vec::new(),
        _ => vec![format!("{} closed by the service{goodbye}", words::count(closed))],
    };
    let abandoned = count(|fate| matches!(fate, Fate::Abandoned(_)));
    if abandoned > 0 {
        parts.push(format!("{} abandoned ({})", words::count(abandoned), kinds(&fates)));
    }
    for (number, what) in [
        (unclear, "closed by the service or by the end of one of its processes"),
        (count(|fate| *fate == Fate::WithProcess), "idle when the process ended"),
        (count(|fate| *fate == Fate::ByDependency), "closed by the dependency"),
    ] {
        if number > 0 {
            parts.push(format!("{} {what}", words::count(number)));
        }
    }
    let of = words::plural(fates.len() as u64, "connection", "connections");
    let finding = if abandoned > 0 { Finding::Fail } else { Finding::Pass };
    (finding, format!("{name}: of {of}, {}", parts.join(", ")))
}

/// Returns the kinds of abandoned connections, each with its number.
fn kinds(fates: &[Fate]) -> String {
    let mut kinds: Vec<(&str, u64)> = Vec::new();
    for kind in
        fates.iter().filter_map(|fate| if let Fate::Abandoned(kind) = fate { Some(*kind) } else { None })
    {
        match kinds.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, count)) => *count += 1,
            None => kinds.push((kind, 1)),
        }
    }
    let named: Vec<String> =
        kinds.iter().map(|(kind, count)| format!("{} {kind}", words::count(*count))).collect();
    named.join(", ")
}

/// A protocol with a last message is exact. Without one, a connection that the kernel closes for an exiting process looks like
/// one that the service closes: only what was in use then is abandoned.
fn fate(seen: &RelayedDependency, end: &RelayedConnection) -> Fate {
    if end.goodbye {
        return Fate::Closed;
    }
    let side = match end.ended {
        None => return Fate::Abandoned("open after the exit"),
        Some((_, side)) => side,
    };
    if side == ConnectionSide::Dependency {
        return Fate::ByDependency;
    }
    let answers = seen.protocol.answers();
    match seen.protocol.goodbye().filter(|_| !end.opaque) {
        Some(_) if answers && end.awaiting => Fate::Abandoned("while it awaited an answer"),
        Some(_) => Fate::Abandoned("without the last message of its protocol"),
        None if end.reset => Fate::Abandoned("by a reset"),
        None if answers && end.awaiting && !end.opaque => Fate::Abandoned("while it awaited an answer"),
        None if end.running && end.children => Fate::ClosedOrWithProcess,
        None if end.running => Fate::Closed,
        None if end.subscribed => Fate::Abandoned("with a subscription when the process ended"),
        None => Fate::WithProcess,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::At;
    use crate::record::DependencyProtocol::{self, Mysql, Nats, Postgres, Rabbitmq, Redis, Tcp};
    use crate::verdict::samples::{SIGNALLED, found, good, terms};

    const LATE: At = At(SIGNALLED + 500_000);

    /// Ended by the service after the signal, while its process was running.
    fn closed() -> RelayedConnection {
        let ended = Some((LATE, ConnectionSide::Service));
        RelayedConnection { ended, running: true, ..RelayedConnection::default() }
    }

    fn dependency(protocol: DependencyProtocol, connections: &[RelayedConnection]) -> RelayedDependency {
        let name = protocol.name().to_owned();
        RelayedDependency { name, protocol, unreachable: 0, earlier: 0, connections: connections.to_vec() }
    }

    fn judged(protocol: DependencyProtocol, connections: &[RelayedConnection]) -> Check {
        let relayed = vec![dependency(protocol, connections)];
        found(CheckId::DependenciesClosed, &Record { relayed, ..good() }, &terms())
    }

    #[test]
    fn a_protocol_with_a_last_message_requires_it() {
        for (protocol, message) in
            [(Postgres, "Terminate"), (Mysql, "COM_QUIT"), (Rabbitmq, "connection.close")]
        {
            let goodbye = RelayedConnection { goodbye: true, ..closed() };
            let check = judged(protocol, &[goodbye; 3]);
            assert_eq!(check.verdict, Finding::Pass, "{check:?}");
            assert!(
                check.evidence.ends_with(&format!("of 3 connections, 3 closed by the service ({message})")),
                "{check:?}"
            );
            let check = judged(protocol, &[goodbye, closed(), closed()]);
            assert_eq!(check.verdict, Finding::Fail, "{check:?}");
            assert!(
                check.evidence.contains("2 abandoned (2 without the last message of its protocol)"),
                "{check:?}"
            );
        }
    }

    #[test]
    fn a_protocol_without_one_requires_that_nothing_was_in_use() {
        let at_exit = RelayedConnection { running: false, ..closed() };
        let by_dependency = RelayedConnection { ended: Some((LATE, ConnectionSide::Dependency)), ..closed() };
        for (protocol, connection, verdict, evidence) in [
            (Redis, closed(), Finding::Pass, "1 closed by the service"),
            (Redis, at_exit, Finding::Pass, "1 idle when the process ended"),
            (
                Nats,
                RelayedConnection { children: true, ..closed() },
                Finding::Pass,
                "nats: of 1 connection, 1 closed by the service or by the end of one of its processes",
            ),
            (
                Redis,
                RelayedConnection { children: true, ..at_exit },
                Finding::Pass,
                "1 idle when the process",
            ),
            (Redis, by_dependency, Finding::Pass, "1 closed by the dependency"),
            (Redis, RelayedConnection { awaiting: true, ..closed() }, Finding::Fail, "awaited an answer"),
            (Redis, RelayedConnection { subscribed: true, ..at_exit }, Finding::Fail, "with a subscription"),
            (Redis, RelayedConnection { subscribed: true, ..closed() }, Finding::Pass, "1 closed"),
            (Nats, RelayedConnection { awaiting: true, ..at_exit }, Finding::Pass, "1 idle"),
            (Nats, RelayedConnection { subscribed: true, ..at_exit }, Finding::Fail, "with a subscription"),
            (Tcp, RelayedConnection { reset: true, ..closed() }, Finding::Fail, "by a reset"),
            (Tcp, RelayedConnection { ended: None, ..at_exit }, Finding::Fail, "open after the exit"),
            // What is encrypted cannot be read.
            (
                Postgres,
                RelayedConnection { opaque: true, ..closed() },
                Finding::Pass,
                "of 1 connection, 1 closed by the service",
            ),
            (Postgres, RelayedConnection { opaque: true, ..at_exit }, Finding::Pass, "1 idle"),
        ] {
            let check = judged(protocol, &[connection]);
            assert!(check.verdict == verdict && check.evidence.contains(evidence), "{check:?}");
            assert!(!check.evidence.contains("Terminate"), "{check:?}");
        }
    }

    #[test]
    fn connections_that_ended_before_the_signal_prove_nothing() {
        for (earlier, unreachable, evidence) in [
            (2, 0, "nats: 2 connections, ended before the signal"),
            (0, 0, "nats: the service opened no connection through the relay"),
            (
                0,
                1,
                "nats: the service opened no connection through the relay; 1 connection was not accepted by it",
            ),
        ] {
            let seen = RelayedDependency { unreachable, earlier, ..dependency(Nats, &[]) };
            let check =
                found(CheckId::DependenciesClosed, &Record { relayed: vec![seen], ..good() }, &terms());
            assert_eq!((check.verdict, check.evidence.as_str()), (Finding::Inconclusive, evidence));
            assert!(check.hint.unwrap().contains("{via.NAME}"));
        }
    }
}
