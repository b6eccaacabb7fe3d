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
    /// The service ended it, or one of several processes of the service ended, and the connection with it: which of them had it is not known.
    ClosedOrWithProcess,
    /// The dependency ended it.
    ByDependency,
    /// It ended with the process, idle, or was closed just before: which of them cannot be told.
    AtEndOfProcess,
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
    let by = |wanted: fn(&Fate) -> bool| {
        let ends = seen.connections.iter().zip(&fates).filter(|(_, fate)| wanted(fate));
        processes(seen, ends.map(|(end, _)| end))
    };
    let closed = count(|fate| *fate == Fate::Closed);
    // Where the messages cannot be read, none was seen.
    let said = seen.connections.iter().filter(|end| end.goodbye).count() as u64;
    let goodbye = match seen.protocol.goodbye().filter(|_| closed > 0 && said == closed) {
        Some(message) => format!(" ({message})"),
        None => String::new(),
    };
    let unclear = count(|fate| *fate == Fate::ClosedOrWithProcess);
    let at_end = count(|fate| *fate == Fate::AtEndOfProcess);
    let mut parts = Vec::new();
    if closed > 0 || unclear == 0 && at_end == 0 {
        let number = words::count(closed);
        parts.push(match by(|fate| *fate == Fate::Closed) {
            Processes::One(process) => format!("{number} closed{goodbye} by {process}"),
            others => format!("{number} closed by the service{goodbye}{}", others.list()),
        });
    }
    let abandoned = count(|fate| matches!(fate, Fate::Abandoned(_)));
    if abandoned > 0 {
        let what = format!("{} abandoned ({})", words::count(abandoned), kinds(&fates));
        parts.push(match by(|fate| matches!(fate, Fate::Abandoned(_))) {
            Processes::One(process) => format!("{what} by {process}"),
            others => format!("{what}{}", others.list()),
        });
    }
    if unclear > 0 {
        let number = words::count(unclear);
        parts.push(format!("{number} closed by the service or by the end of one of its processes"));
    }
    if at_end > 0 {
        let (process, list) = match by(|fate| *fate == Fate::AtEndOfProcess) {
            Processes::One(process) => (process, String::new()),
            others => ("the process".to_owned(), others.list()),
        };
        let number = words::count(at_end);
        parts.push(format!("{number} closed at the end of {process}, by it or by the kernel{list}"));
    }
    let by_dependency = count(|fate| *fate == Fate::ByDependency);
    if by_dependency > 0 {
        parts.push(format!("{} closed by the dependency", words::count(by_dependency)));
    }
    let of = words::plural(fates.len() as u64, "connection", "connections");
    let finding = if abandoned > 0 { Finding::Fail } else { Finding::Pass };
    (finding, format!("{name}: of {of}, {}", parts.join(", ")))
}

/// The processes that had some connections open.
enum Processes {
    /// They are not known, or the service has no other process.
    Unnamed,
    One(String),
    /// Each with its number of connections.
    Several(Vec<(Option<String>, u64)>),
}

impl Processes {
    /// Returns them as the end of a sentence, each with its number.
    fn list(&self) -> String {
        let Self::Several(counts) = self else { return String::new() };
        let one = |(process, count): &(Option<String>, u64)| {
            let process = process.as_deref().unwrap_or("a process that is not known");
            format!("{} of {process}", words::count(*count))
        };
        let named: Vec<String> = counts.iter().map(one).collect();
        match named.split_last() {
            Some((last, [])) => format!(": {last}"),
            Some((last, others)) => format!(": {} and {last}", others.join(", ")),
            None => String::new(),
        }
    }
}

/// Returns the processes that had the connections `ends` of `seen` open. They are not named if the service is one process.
fn processes<'a>(seen: &RelayedDependency, ends: impl Iterator<Item = &'a RelayedConnection>) -> Processes {
    let has_several =
        seen.owners.iter().any(|owner| !owner.main) || seen.connections.iter().any(|end| end.children);
    if !has_several {
        return Processes::Unnamed;
    }
    let mut counts: Vec<(Option<String>, u64)> = Vec::new();
    for end in ends {
        let owner = seen.owners.iter().find(|owner| Some(owner.pid) == end.owner);
        let process = owner.map(|owner| format!("{} (pid {})", owner.command, owner.pid));
        match counts.iter_mut().find(|(known, _)| *known == process) {
            Some((_, count)) => *count += 1,
            None => counts.push((process, 1)),
        }
    }
    // What is not known comes last.
    counts.sort_by_key(|(process, _)| process.is_none());
    match &*counts {
        [] | [(None, _)] => Processes::Unnamed,
        [(Some(process), _)] => Processes::One(process.clone()),
        _ => Processes::Several(counts),
    }
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
        None if end.running && end.children && end.owner.is_none() => Fate::ClosedOrWithProcess,
        None if end.running => Fate::Closed,
        None if end.subscribed => Fate::Abandoned("with a subscription at the end of the process"),
        None => Fate::AtEndOfProcess,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::At;
    use crate::record::ConnectionOwner;
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
        let (connections, owners) = (connections.to_vec(), Vec::new());
        RelayedDependency { name, protocol, unreachable: 0, earlier: 0, connections, owners }
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
            (
                Redis,
                at_exit,
                Finding::Pass,
                "of 1 connection, 1 closed at the end of the process, by it or by the kernel",
            ),
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
                "1 closed at the end of the process",
            ),
            (Redis, by_dependency, Finding::Pass, "1 closed by the dependency"),
            (Redis, RelayedConnection { awaiting: true, ..closed() }, Finding::Fail, "awaited an answer"),
            (Redis, RelayedConnection { subscribed: true, ..at_exit }, Finding::Fail, "with a subscription"),
            (Redis, RelayedConnection { subscribed: true, ..closed() }, Finding::Pass, "1 closed"),
            (Nats, RelayedConnection { awaiting: true, ..at_exit }, Finding::Pass, "1 closed at the end"),
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
            (Postgres, RelayedConnection { opaque: true, ..at_exit }, Finding::Pass, "1 closed at the end"),
        ] {
            let check = judged(protocol, &[connection]);
            assert!(check.verdict == verdict && check.evidence.contains(evidence), "{check:?}");
            assert!(!check.evidence.contains("Terminate"), "{check:?}");
        }
    }

    /// Judges connections of these owners: 7 is the process that was started, and 8 and 9 are others.
    fn of_processes(protocol: DependencyProtocol, connections: &[RelayedConnection]) -> Check {
        let owner = |pid, main| ConnectionOwner { pid, command: format!("node {pid}.js"), main };
        let owners = vec![owner(7, true), owner(8, false), owner(9, false)];
        let owners =
            owners.into_iter().filter(|owner| connections.iter().any(|end| end.owner == Some(owner.pid)));
        let owners = owners.collect();
        let relayed = vec![RelayedDependency { owners, ..dependency(protocol, connections) }];
        found(CheckId::DependenciesClosed, &Record { relayed, ..good() }, &terms())
    }

    #[test]
    fn of_several_processes_those_that_had_the_connections_are_named() {
        let of = |owner, end: RelayedConnection| RelayedConnection { owner, children: true, ..end };
        let goodbye = |owner| of(owner, RelayedConnection { goodbye: true, ..closed() });
        let at_exit = |owner| of(owner, RelayedConnection { running: false, ..closed() });
        for (protocol, connections, verdict, evidence) in [
            (
                Postgres,
                &[goodbye(Some(8)), goodbye(Some(8)), of(Some(8), closed())][..],
                Finding::Fail,
                "of 3 connections, 2 closed (Terminate) by node 8.js (pid 8), \
                 1 abandoned (1 without the last message of its protocol) by node 8.js (pid 8)",
            ),
            (
                Postgres,
                &[goodbye(Some(9)), goodbye(Some(8)), goodbye(None), goodbye(Some(9))],
                Finding::Pass,
                "4 closed by the service (Terminate): 2 of node 9.js (pid 9), 1 of node 8.js (pid 8) \
                 and 1 of a process that is not known",
            ),
            (Redis, &[of(Some(8), closed())], Finding::Pass, "1 closed by node 8.js (pid 8)"),
            (
                Redis,
                &[at_exit(Some(8))],
                Finding::Pass,
                "1 closed at the end of node 8.js (pid 8), by it or by the kernel",
            ),
            (
                Nats,
                &[at_exit(Some(8)), at_exit(Some(7))],
                Finding::Pass,
                "2 closed at the end of the process, by it or by the kernel: 1 of node 8.js (pid 8) and 1 of node 7.js (pid 7)",
            ),
            // The process that was started has others beside it.
            (Redis, &[of(Some(7), closed())], Finding::Pass, "1 closed by node 7.js (pid 7)"),
            // Without a known owner nothing is guessed.
            (Redis, &[of(None, closed())], Finding::Pass, "by the end of one of its processes"),
            (
                Redis,
                &[at_exit(None)],
                Finding::Pass,
                "of 1 connection, 1 closed at the end of the process, by it or by the kernel",
            ),
        ] {
            let check = of_processes(protocol, connections);
            assert!(check.verdict == verdict && check.evidence.ends_with(evidence), "{check:?}");
        }
        // A service of one process.
        let alone = RelayedConnection { owner: Some(7), ..closed() };
        let check = of_processes(Redis, &[alone]);
        assert!(check.evidence.ends_with("of 1 connection, 1 closed by the service"), "{check:?}");
    }

    #[test]
    fn a_process_behind_another_one_is_judged_by_its_own_end() {
        let at_exit = RelayedConnection {
            running: false,
            children: true,
            subscribed: true,
            owner: Some(8),
            ..closed()
        };
        let check = of_processes(Nats, &[at_exit]);
        assert!(
            check.verdict == Finding::Fail && check.evidence.contains("with a subscription"),
            "{check:?}"
        );
        // The opposite: the one that was started was running, and which process had the connection is not known.
        let unknown = RelayedConnection { running: true, owner: None, ..at_exit };
        assert_eq!(of_processes(Nats, &[unknown]).verdict, Finding::Pass);
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
