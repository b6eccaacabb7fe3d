//! What a process that did not end in time was seen to do, and what it may have waited for.

use std::collections::BTreeSet;
use std::time::Duration;

use super::listener::first_refusal;
use crate::clock::At;
use crate::record::{Record, RelayedConnection, SignalState};
use crate::scenario::StopSignal;
use crate::verdict::case::{Case, JudgedRequest};
use crate::verdict::fate::Fate;
use crate::words;

/// A process that ends this soon after its last response waited for nothing else. A request that is older than this at the end was no
/// usual one of the load.
const AT_ONCE: Duration = Duration::from_millis(500);

/// What was seen of a process that did not end in time.
#[derive(Debug)]
pub(in crate::verdict) struct Late {
    /// The signal could have no effect: why.
    unheard: Option<&'static str>,
    /// New connections were accepted and answered to the end: nothing shows that the process had begun to stop.
    listening: bool,
    /// How many requests of the load were in flight at the end, and for how long the oldest one.
    in_flight: Option<(u64, Duration)>,
    /// Responses after the signal that left their connection open, and it was in use at the end; and of how many.
    kept: Option<(u64, u64)>,
    /// Dependencies with connections that were open at the end.
    dependencies: Vec<OpenDependency>,
    /// For how long no request of the load had been in flight.
    quiet: Option<Duration>,
}

/// A dependency with connections that were open at the end.
#[derive(Debug)]
struct OpenDependency {
    name: String,
    open: u64,
    /// How many of them were waiting for an answer.
    awaiting: u64,
}

/// What the process waited for, as far as what was seen leaves one explanation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::verdict) enum WaitedFor {
    /// Nothing: the signal could have no effect.
    Unheard,
    /// Nothing that was seen: it did not begin to stop.
    NotStopping,
    /// A dependency that did not answer.
    Dependency,
    /// Requests in flight, or connections that stayed in use.
    Clients,
    /// Several causes are possible.
    Unclear,
}

impl Late {
    /// Returns what was seen in `case`.
    pub(in crate::verdict) fn of(case: &Case<'_>) -> Self {
        let (record, end) = (case.record, end(case.record));
        let after = || case.requests.iter().filter(|judged| judged.after && judged.request.ended <= end);
        let answered = || after().filter(|judged| is_answered(judged));
        let keeps = |judged: &&JudgedRequest<'_>| judged.request.answer.is_some_and(|answer| answer.keeps);
        let open = || {
            case.requests.iter().filter(|judged| {
                judged.accepted() && judged.request.begun < end && judged.request.ended >= end
            })
        };
        let oldest = open().map(|judged| end.since(judged.request.begun)).max();
        // When it had been killed, every connection was refused.
        let listening = first_refusal(case).is_none_or(|refused| refused >= end)
            && answered().any(|judged| {
                let opened = judged.request.opened;
                judged.request.fresh && opened >= record.signalled && end.since(opened) <= LAST
            });
        let quiet = quiet_end(case).filter(|_| oldest.is_none());
        // A connection is known by when and where it was opened.
        let connection = |judged: &JudgedRequest<'_>| (judged.request.opened, judged.request.to.clone());
        let in_use: BTreeSet<_> = case
            .requests
            .iter()
            .filter(|judged| {
                let reused = judged.accepted() && !judged.request.fresh && judged.request.begun < end;
                reused && end.since(judged.request.ended) <= AT_ONCE
            })
            .map(connection)
            .collect();
        let kept = answered().filter(keeps).filter(|judged| in_use.contains(&connection(judged)));
        let kept = (kept.count() as u64, answered().count() as u64);
        Self {
            unheard: record.signal_state.and_then(|state| unheard(state, case.terms.signal)),
            listening,
            in_flight: oldest.map(|oldest| (open().count() as u64, oldest)),
            kept: Some(kept).filter(|(kept, _)| *kept > 0 && !listening && quiet.is_none()),
            dependencies: dependencies(record, end),
            quiet,
        }
    }

    /// Returns what the process waited for.
    pub(in crate::verdict) fn waited_for(&self) -> WaitedFor {
        let awaits = self.dependencies.iter().any(|dependency| dependency.awaiting > 0);
        let has_old = self.in_flight.is_some_and(|(_, oldest)| oldest > AT_ONCE);
        match self {
            Self { unheard: Some(_), .. } => WaitedFor::Unheard,
            // Requests are always in flight at a service that serves on.
            Self { listening: true, .. } => WaitedFor::NotStopping,
            _ if awaits => WaitedFor::Dependency,
            _ if has_old || self.kept.is_some() => WaitedFor::Clients,
            _ => WaitedFor::Unclear,
        }
    }

    /// Returns the facts, for the evidence.
    pub(in crate::verdict) fn facts(&self) -> Vec<String> {
        let mut facts: Vec<String> = self.unheard.map(str::to_owned).into_iter().collect();
        if self.listening {
            facts.push(
                "new connections were accepted and answered to the end, as before the signal".to_owned(),
            );
        }
        if let Some((kept, of)) = self.kept {
            facts.push(format!(
                "{} of {} responses after the signal had no `Connection: close`: their connections stayed in use",
                words::count(kept),
                words::count(of)
            ));
        }
        for OpenDependency { name, open, awaiting } in &self.dependencies {
            let awaiting = match awaiting {
                0 => String::new(),
                count => format!(", {} without an answer to what was sent last", words::count(*count)),
            };
            let open = words::plural(*open, "connection", "connections");
            facts.push(format!("{open} to {name} open at the end{awaiting}"));
        }
        match (self.in_flight, self.quiet) {
            (Some((count, oldest)), _) if !self.listening => {
                let were = words::plural(count, "request was", "requests were");
                let oldest = match count {
                    1 => format!(", for {}", words::time(oldest)),
                    _ => format!(", the oldest for {}", words::time(oldest)),
                };
                facts.push(format!("{were} in flight at the end{oldest}"));
            }
            (None, Some(quiet)) => facts.push(quiet_text(quiet)),
            _ => {}
        }
        facts
    }

    /// Returns the cause that what was seen leaves, if it is none of the server's.
    pub(in crate::verdict) fn cause(&self) -> Option<String> {
        if self.waited_for() != WaitedFor::Dependency {
            return None;
        }
        let silent = self.dependencies.iter().filter(|dependency| dependency.awaiting > 0);
        let names: Vec<&str> = silent.map(|dependency| dependency.name.as_str()).collect();
        Some(format!("the process waited for an answer of {}", names.join(" and ")))
    }

    /// Returns what can be done: where several causes are possible, what tells them apart.
    pub(in crate::verdict) fn hint(&self, signal: &str) -> String {
        match self.waited_for() {
            WaitedFor::Unheard => format!("install a handler for {signal}"),
            WaitedFor::NotStopping => format!(
                "let the handler for {signal} close the listener first; if it does: a wrapper may not forward the signal, or the handler may \
                 wait for something else before it, which a dump of the threads shows"
            ),
            WaitedFor::Dependency => {
                "give calls to dependencies a timeout below --grace, and end those that wait at the stop"
                    .to_owned()
            }
            WaitedFor::Clients => {
                "give the drain a deadline below --grace, and end what is left then".to_owned()
            }
            WaitedFor::Unclear => format!(
                "possible: a thread or task, a timer, a consumer, a pool, a dependency that does not answer, or open connections; a dump of \
                 the threads after {signal} shows which{}",
                if self.dependencies.is_empty() {
                    ", and --via shows the connections to a dependency"
                } else {
                    ""
                }
            ),
        }
    }
}

/// A connection that is opened within this time before the end shows whether the process still listened then.
const LAST: Duration = Duration::from_millis(300);

fn unheard(state: SignalState, signal: StopSignal) -> Option<&'static str> {
    match state {
        SignalState { ignored: true, .. } => Some("the process ignores the signal"),
        SignalState { pid_one: true, caught: false, blocked: false, .. } => {
            Some("the process is PID 1 without a handler for the signal, which has no effect then")
        }
        SignalState { caught: false, blocked: false, .. } if signal.without_handler().is_some() => {
            Some("the process has no handler for the signal, which does not end one without it")
        }
        _ => None,
    }
}

fn is_answered(judged: &JudgedRequest<'_>) -> bool {
    matches!(judged.fate, Fate::Answered | Fate::Unverified(_))
}

fn dependencies(record: &Record, end: At) -> Vec<OpenDependency> {
    let of_each = record.relayed.iter().map(|seen| {
        let is_open = |end_of: &&RelayedConnection| end_of.ended.is_none_or(|(at, _)| at >= end);
        let open = || seen.connections.iter().filter(is_open);
        let awaiting = open().filter(|connection| {
            seen.protocol.answers() && connection.awaiting && !connection.opaque && !connection.goodbye
        });
        OpenDependency {
            name: seen.name.clone(),
            open: open().count() as u64,
            awaiting: awaiting.count() as u64,
        }
    });
    of_each.filter(|dependency| dependency.open > 0).collect()
}

/// Returns for how long the process ran on although the load had nothing in flight any more.
pub(super) fn quiet_end(case: &Case<'_>) -> Option<Duration> {
    let end = end(case.record);
    // A connection that is refused is nothing that the process has in flight.
    let accepted = case.requests.iter().filter(|judged| judged.after && judged.accepted());
    let ended = accepted.map(|judged| judged.request.ended);
    let last = ended.filter(|ended| *ended <= end).max().unwrap_or(case.record.signalled);
    Some(end.since(last)).filter(|quiet| *quiet > AT_ONCE)
}

/// Describes [`quiet_end`].
pub(super) fn quiet_text(quiet: Duration) -> String {
    format!("no request of the load was in flight for the last {}", words::time(quiet))
}

/// The end of the process, or of the time that it had.
fn end(record: &Record) -> At {
    record.killed.or(record.exit.map(|(at, _)| at)).unwrap_or(record.signalled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{
        DependencyProtocol, Ended, Outcome, Recognised, RelayedDependency, Request, ServerKind,
    };
    use crate::verdict::samples::{SIGNALLED, found, good, request, terms};
    use crate::verdict::{Check, CheckId, Finding};

    const KILLED: u64 = SIGNALLED + 3_000_000;

    /// A Go service that was killed 3 s after the signal, after `requests` of the load.
    fn killed(requests: &[Request]) -> Record {
        let mut record = good();
        record.traffic.requests.retain(|request| request.begun < At(SIGNALLED));
        record.traffic.requests.extend_from_slice(requests);
        record.killed = Some(At(KILLED));
        record.exit = Some((At(KILLED + 1_000), Ended::Signal(9)));
        record.servers = vec![Recognised { server: ServerKind::Go, by: "a sign".into() }];
        record
    }

    fn late(record: &Record) -> (Check, String) {
        let check = found(CheckId::ExitInTime, record, &terms());
        assert_eq!(check.verdict, Finding::Fail, "{check:?}");
        let cause = check.cause.clone().unwrap_or_default();
        (check, cause)
    }

    fn answered(begun: u64) -> Request {
        request(begun, Outcome::Answered { status: 200 })
    }

    const REFUSED: fn(u64) -> Request = |begun| request(begun, Outcome::Refused);

    #[test]
    fn the_server_is_the_likely_cause_only_if_clients_were_waited_for() {
        // A request that lasts from before the end of the process to its end.
        let mut old = request(SIGNALLED - 1, Outcome::TimedOut);
        old.ended = At(KILLED + 500);
        let (check, cause) = late(&killed(&[REFUSED(SIGNALLED + 100_000), old]));
        assert!(check.evidence.ends_with("1 request was in flight at the end, for 3.00 s"), "{check:?}");
        assert!(cause.starts_with("Go: `Server.Shutdown` waits for connections in use"), "{cause}");
        // Connections that stayed in use.
        let kept = Request { fresh: false, opened: At(1), ..answered(KILLED - 100_000) };
        let (check, cause) = late(&killed(&[REFUSED(SIGNALLED + 100_000), kept]));
        assert!(check.evidence.contains("had no `Connection: close`"), "{check:?}");
        assert!(cause.starts_with("Go: "), "{cause}");
        // Nothing was in flight: several causes are possible.
        let (check, cause) = late(&killed(&[answered(SIGNALLED + 10_000), REFUSED(SIGNALLED + 100_000)]));
        assert!(
            check.evidence.ends_with("no request of the load was in flight for the last 2.99 s"),
            "{check:?}"
        );
        assert!(!check.evidence.contains("Connection: close"), "{check:?}");
        let hint = check.hint.unwrap_or_default();
        assert!(
            cause.is_empty() && hint.starts_with("possible: ") && hint.contains("--via"),
            "{cause} {hint}"
        );
    }

    #[test]
    fn a_response_that_crossed_the_signal_keeps_no_connection_in_use() {
        // It left its connection open, which was not used again. Clients are refused to the end.
        let crossed = Request { fresh: false, opened: At(1), ..answered(SIGNALLED + 100) };
        let refused = [REFUSED(SIGNALLED + 100_000), REFUSED(KILLED - 2_000)];
        let (check, cause) = late(&killed(&[crossed.clone(), refused[0].clone(), refused[1].clone()]));
        assert!(check.evidence.contains("no request of the load was in flight for the last"), "{check:?}");
        assert!(cause.is_empty() && !check.evidence.contains("Connection: close"), "{check:?}");
        // Another connection is in use at the end, by a request that is not old.
        let other =
            Request { fresh: false, opened: At(2), ended: At(KILLED + 10), ..answered(KILLED - 1_000) };
        let (check, _) = late(&killed(&[crossed.clone(), refused[0].clone(), other.clone()]));
        assert!(!check.evidence.contains("Connection: close"), "{check:?}");
        // The same one is.
        let same = Request { opened: At(1), ..other };
        let (check, cause) = late(&killed(&[crossed, refused[0].clone(), same]));
        assert!(
            check.evidence.contains("1 of 2 responses after the signal had no `Connection: close`"),
            "{check:?}"
        );
        assert!(cause.starts_with("Go: "), "{cause}");
    }

    #[test]
    fn a_process_that_serves_new_connections_to_the_end_waits_for_none() {
        let refused = REFUSED(KILLED + 500);
        let mut record = killed(&[answered(SIGNALLED + 100), answered(KILLED - 50_000), refused]);
        let (check, cause) = late(&record);
        assert!(
            check.evidence.ends_with("accepted and answered to the end, as before the signal"),
            "{check:?}"
        );
        assert!(!check.evidence.contains("Connection: close"), "{check:?}");
        assert!(cause.is_empty() && check.hint.unwrap().contains("close the listener first"), "{cause}");
        // Behind a shell, which is what got the signal.
        record.servers.insert(0, Recognised { server: ServerKind::Shell, by: "a sign".into() });
        assert!(late(&record).1.starts_with("a shell: it gets the signal and does not forward it"));
    }

    #[test]
    fn a_signal_without_effect_is_named_before_anything_that_was_in_flight() {
        let state = |ignored, pid_one| SignalState { caught: false, blocked: false, ignored, pid_one };
        for (state, text) in
            [(state(true, false), "ignores the signal"), (state(false, true), "PID 1 without a handler")]
        {
            let record = Record { signal_state: Some(state), ..killed(&[answered(KILLED - 50_000)]) };
            let (check, cause) = late(&record);
            assert!(check.evidence.contains(text) && cause.is_empty(), "{check:?}");
            assert_eq!(check.hint.as_deref(), Some("install a handler for SIGTERM"));
        }
    }

    #[test]
    fn a_dependency_that_does_not_answer_is_the_cause_if_the_process_had_begun_to_stop() {
        let relayed = |awaiting| {
            let connection = RelayedConnection {
                awaiting,
                ended: Some((At(KILLED + 900), crate::record::ConnectionSide::Service)),
                ..RelayedConnection::default()
            };
            let protocol = DependencyProtocol::Redis;
            let name = protocol.name().to_owned();
            vec![RelayedDependency {
                name,
                protocol,
                unreachable: 0,
                earlier: 0,
                connections: vec![connection],
                owners: Vec::new(),
            }]
        };
        let stopping = killed(&[REFUSED(SIGNALLED + 100_000)]);
        let record = Record { relayed: relayed(true), ..stopping.clone() };
        let (check, cause) = late(&record);
        assert!(
            check.evidence.contains("1 connection to redis open at the end, 1 without an answer"),
            "{check:?}"
        );
        assert_eq!(cause, "the process waited for an answer of redis");
        assert!(check.hint.unwrap().contains("timeout below --grace"));
        // An open connection alone is a fact, and one of several causes.
        let (check, cause) = late(&Record { relayed: relayed(false), ..stopping });
        assert!(
            check.evidence.contains("1 connection to redis open at the end;") && cause.is_empty(),
            "{check:?}"
        );
        // A service that serves on uses its dependencies.
        let serving = Record { relayed: relayed(true), ..killed(&[answered(KILLED - 50_000)]) };
        assert_eq!(late(&serving).1, "");
    }
}
