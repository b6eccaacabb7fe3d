//! Adds to each failed check its likely cause and the usual remedy.

use super::ending::has_reacted;
use super::knowledge::{Cause, Knowledge, Symptom, knowledge};
use super::symptoms::symptoms;
use crate::record::{Recognised, ServerKind};
use crate::scenario::StopSignal;
use crate::verdict::case::Case;
use crate::verdict::checks::exit_code::LAST_OUTPUT;
use crate::verdict::checks::signals::INIT;
use crate::verdict::{Check, CheckId, Finding};

/// Adds to each failed check of `checks` its likely cause and the usual remedy, as far as a server was recognised for which they are
/// known. A remedy takes the place of a hint that is about any server; what an option of the command would accept stays.
pub(in crate::verdict) fn advise(case: &Case<'_>, checks: &mut [Check]) {
    // The cause in the service's own report is certain.
    let unexplained = |check: &&mut Check| check.verdict == Finding::Fail && check.cause.is_none();
    for check in checks.iter_mut().filter(unexplained) {
        let symptoms = symptoms(case, check.id);
        let of = |found| symptoms.iter().find_map(|symptom| likely(case, found, *symptom));
        let Some((cause, remedy)) = case.record.servers.iter().find_map(of) else {
            let usual = [(Symptom::ExitedAtOnce, DRAIN), (Symptom::Failed, LAST_OUTPUT)];
            let hint = || Some(usual.iter().find(|(symptom, _)| symptoms.contains(symptom))?.1.to_owned());
            check.hint = check.hint.take().or_else(hint);
            continue;
        };
        check.cause = Some(cause);
        let is_pid_one = case.record.signal_state.is_some_and(|state| state.pid_one && !state.caught);
        let remedy = match check.id == CheckId::SignalHandled && is_pid_one {
            true => format!("{remedy}; {INIT}"),
            false => remedy,
        };
        check.hint = Some(match check.hint.take().filter(|_| check.id == CheckId::RequestsAnswered) {
            Some(option) if !remedy.contains("--allow-status") => format!("{remedy}; {option}"),
            _ => remedy,
        });
    }
}

/// The remedy for a process that exits at once, whatever its server.
const DRAIN: &str = "let the handler of the signal wait for what is in flight, and exit after that";

/// What `found` usually does that shows as `symptom`, with the evidence for it, and the remedy.
fn likely(case: &Case<'_>, found: &Recognised, symptom: Symptom) -> Option<(String, String)> {
    let known = knowledge(found.server);
    let is_wrapper = |found: &Recognised| matches!(found.server, ServerKind::Shell | ServerKind::Npm);
    if is_wrapper(found) && symptom != Symptom::Orphans && has_reacted(case) {
        return None;
    }
    // A wrapper keeps nothing from a service that gets the signal as well, and its own end is not that of the service.
    let is_signalled_too = case.terms.to_all && case.record.servers.iter().any(is_wrapper);
    if is_signalled_too && (is_wrapper(found) || symptom.is_of_the_end()) {
        return None;
    }
    let (cause, remedy) = match wrong_signal(known, case.terms.signal, symptom) {
        Some(wrong) => wrong,
        None => {
            let Cause { cause, remedy, .. } = known.cause(symptom)?;
            ((*cause).to_owned(), (*remedy).to_owned())
        }
    };
    Some((format!("{}: {cause} ({})", known.name, found.by), remedy))
}

/// The signal is not one that stops the server gracefully.
fn wrong_signal(known: &Knowledge, sent: StopSignal, symptom: Symptom) -> Option<(String, String)> {
    let sent = sent.name();
    let usual = *known.graceful.first()?;
    let is_graceful = known.graceful.iter().any(|name| sent == format!("SIG{name}"));
    let is_status = matches!(symptom, Symptom::BadGateway | Symptom::Unavailable | Symptom::ServerError);
    if is_graceful || is_status || symptom == Symptom::Orphans {
        return None;
    }
    let rehearsed = match StopSignal::parse(usual) {
        Ok(_) => format!(", and give --signal {usual} to the rehearsal"),
        Err(_) => String::new(),
    };
    let remedy = match usual {
        "TERM" => format!("stop it with SIGTERM{rehearsed}"),
        _ => format!("stop it with SIG{usual}, as by `STOPSIGNAL SIG{usual}` in its image{rehearsed}"),
    };
    Some((format!("{sent} {}", known.otherwise), remedy))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::At;
    use crate::record::{Close, Ended, Orphan, Outcome, Record};
    use crate::verdict::advice::advice_in;
    use crate::verdict::samples::{SIGNALLED, found, good, request, terms};
    use crate::verdict::{Terms, servers::graceful_signals};

    const SERVERS: [ServerKind; 18] = [
        ServerKind::Shell,
        ServerKind::Npm,
        ServerKind::Nginx,
        ServerKind::Haproxy,
        ServerKind::Apache,
        ServerKind::Caddy,
        ServerKind::PhpFpm,
        ServerKind::Go,
        ServerKind::Node,
        ServerKind::Express,
        ServerKind::Fastify,
        ServerKind::Uvicorn,
        ServerKind::Gunicorn,
        ServerKind::Hypercorn,
        ServerKind::Puma,
        ServerKind::Spring,
        ServerKind::Tomcat,
        ServerKind::Kestrel,
    ];

    /// A service that is or has `servers`, and lost a request as `outcome` says.
    fn record(servers: &[ServerKind], outcome: Outcome) -> Record {
        let mut record = good();
        let recognised = |server: &ServerKind| Recognised { server: *server, by: "a sign".to_owned() };
        record.servers = servers.iter().map(recognised).collect();
        record.traffic.requests.push(request(SIGNALLED + 100_000, outcome));
        record
    }

    fn advice(id: CheckId, record: &Record, terms: &Terms) -> (String, String) {
        let check = found(id, record, terms);
        assert_eq!(check.verdict, Finding::Fail, "{check:?}");
        (check.cause.unwrap_or_default(), check.hint.unwrap_or_default())
    }

    const RESET: Outcome = Outcome::Unanswered { close: Close::Reset };
    const CUT: Outcome = Outcome::CutInBody { close: Close::Eof };

    #[test]
    fn a_signal_that_is_not_the_graceful_one_is_the_cause_of_each_loss() {
        for (server, sent, usual) in [
            (ServerKind::Nginx, "TERM", "QUIT"),
            (ServerKind::PhpFpm, "TERM", "QUIT"),
            (ServerKind::Haproxy, "TERM", "USR1"),
            (ServerKind::Haproxy, "INT", "USR1"),
            (ServerKind::Apache, "TERM", "WINCH"),
            (ServerKind::Gunicorn, "QUIT", "TERM"),
            (ServerKind::Caddy, "QUIT", "TERM"),
        ] {
            for outcome in [RESET, CUT] {
                let record = record(&[server], outcome);
                let of = |signal: &str| {
                    let signal = StopSignal::parse(signal).unwrap();
                    advice(CheckId::RequestsAnswered, &record, &Terms { signal, ..terms() })
                };
                let (cause, hint) = of(sent);
                assert!(cause.contains(&format!(": SIG{sent} ")) && cause.ends_with("(a sign)"), "{cause}");
                assert!(hint.contains(&format!("SIG{usual}")), "{hint}");
                assert!(hint.contains(&format!("--signal {usual}")), "{hint}");
                // With its own signal the cause is another one, if any.
                assert!(!of(usual).0.contains("SIG"), "{:?}", of(usual));
            }
        }
    }

    #[test]
    fn each_symptom_has_the_remedy_of_its_server() {
        let requests =
            |outcome| advice(CheckId::RequestsAnswered, &record(&[ServerKind::Node], outcome), &terms());
        assert!(requests(RESET).0.starts_with("Node: `server.close()` closes the listener at once"));
        let mut kept = record(&[ServerKind::Go], RESET);
        kept.traffic.requests.last_mut().unwrap().fresh = false;
        assert!(advice(CheckId::RequestsAnswered, &kept, &terms()).1.starts_with("set `Connection: close`"));

        let with_exit = |server, after: u64, ended| {
            let exit = Some((At(SIGNALLED + after), ended));
            Record { exit, ..record(&[server], RESET) }
        };
        let by_signal = with_exit(ServerKind::Uvicorn, 500_000, Ended::Signal(15));
        assert_eq!(advice(CheckId::ExitCode, &by_signal, &terms()).1, "give --expect-exit 0,signal:TERM");
        let java = with_exit(ServerKind::Spring, 500_000, Ended::Code(143));
        assert_eq!(
            advice(CheckId::ExitCode, &java, &terms()).1,
            "give --expect-exit 143, or 130 after SIGINT"
        );

        let unhandled = with_exit(ServerKind::Go, 1_000, Ended::Signal(15));
        let unhandled = Record { signal_state: None, ..unhandled };
        assert!(advice(CheckId::SignalHandled, &unhandled, &terms()).0.contains("without `signal.Notify`"));
        // What was lost then was lost by that.
        let mut lost = unhandled;
        lost.traffic.requests.last_mut().unwrap().begun = At(SIGNALLED - 1);
        lost.traffic.requests.last_mut().unwrap().opened = At(SIGNALLED - 1);
        lost.traffic.requests.last_mut().unwrap().ended = At(SIGNALLED + 900);
        assert!(advice(CheckId::RequestsAnswered, &lost, &terms()).0.contains("without `signal.Notify`"));
    }

    #[test]
    fn a_process_that_is_killed_did_not_stop_in_time() {
        let mut record = record(&[ServerKind::Puma], RESET);
        // It lasts from before the end to the end.
        record.traffic.requests.last_mut().unwrap().begun = At(SIGNALLED - 900_000);
        record.killed = Some(At(SIGNALLED + 100_000));
        record.exit = Some((At(SIGNALLED + 101_000), Ended::Signal(9)));
        for id in [CheckId::ExitInTime, CheckId::NoKill, CheckId::ExitCode, CheckId::RequestsAnswered] {
            let (cause, hint) = advice(id, &record, &terms());
            assert!(cause.starts_with("Puma: it waits for requests in flight"), "{id}: {cause}");
            assert_eq!(hint, "set `force_shutdown_after` below the grace period", "{id}");
        }
    }

    #[test]
    fn a_wrapper_explains_the_end_and_the_server_behind_it_the_losses() {
        let mut record = record(&[ServerKind::Shell, ServerKind::Node], RESET);
        record.orphans = vec![Orphan { pid: 7, name: "node".into() }];
        assert!(advice(CheckId::NoOrphans, &record, &terms()).1.starts_with("write `exec`"));
        assert!(advice(CheckId::RequestsAnswered, &record, &terms()).0.starts_with("Node: "));
    }

    #[test]
    fn a_wrapper_that_forwards_the_signal_is_no_cause() {
        let exit = |servers: &[ServerKind]| {
            let mut record = record(servers, RESET);
            record.exit = record.exit.map(|(at, _)| (at, Ended::Code(143)));
            record
        };
        // The service behind it closed its listener before the wrapper ended.
        for wrapper in [ServerKind::Shell, ServerKind::Npm] {
            let (cause, hint) = advice(CheckId::ExitCode, &exit(&[wrapper]), &terms());
            assert_eq!((cause.as_str(), hint.as_str()), ("", "if this exit is intended: --expect-exit 143"));
        }
        // It did not, or was left behind.
        let mut ignored = exit(&[ServerKind::Shell]);
        ignored.traffic.requests.retain(|request| request.outcome != Outcome::Refused);
        let mut left = exit(&[ServerKind::Shell]);
        left.children_until = left.exit.map(|(at, _)| At(at.0 + 1));
        for record in [ignored, left] {
            let (cause, hint) = advice(CheckId::ExitCode, &record, &terms());
            assert!(cause.contains("does not forward it") && hint.contains("`exec`"), "{cause} {hint}");
        }
    }

    #[test]
    fn a_wrapper_is_no_cause_where_each_process_gets_the_signal() {
        let mut record = record(&[ServerKind::Shell, ServerKind::Node], RESET);
        record.exit = Some((At(SIGNALLED + 1_000), Ended::Signal(15)));
        record.orphans = vec![Orphan { pid: 7, name: "node".into() }];
        record.traffic.requests.retain(|request| request.begun <= At(SIGNALLED));
        let mut lost = request(SIGNALLED - 1, RESET);
        lost.ended = At(SIGNALLED + 900);
        record.traffic.requests.push(lost);
        let of = |id, to_all| advice(id, &record, &Terms { to_all, ..terms() }).0;
        for id in [CheckId::SignalHandled, CheckId::ExitCode, CheckId::NoOrphans, CheckId::RequestsAnswered] {
            assert!(of(id, false).contains("does not forward it"), "{id}");
            assert_eq!(of(id, true), "", "{id}");
        }
        // Without a wrapper the process that ended is the service.
        record.servers.remove(0);
        let cause = advice(CheckId::SignalHandled, &record, &Terms { to_all: true, ..terms() }).0;
        assert!(cause.contains("without a handler"), "{cause}");
    }

    #[test]
    fn a_process_that_exits_at_once_is_told_to_wait_and_one_that_drains_is_not() {
        let exits_with = |server, (lost_at, after): (u64, u64), code| {
            let mut record = record(&[server], RESET);
            record.exit = Some((At(SIGNALLED + after), Ended::Code(code)));
            record.traffic.requests.retain(|request| request.begun <= At(SIGNALLED));
            let mut lost = request(SIGNALLED - 2_000, RESET);
            lost.ended = At(SIGNALLED + lost_at);
            record.traffic.requests.push(lost);
            advice(CheckId::RequestsAnswered, &record, &terms())
        };
        let exits = |server, after| exits_with(server, (after, after), 0);
        let (cause, hint) = exits(ServerKind::Node, 4_000);
        assert!(cause.contains("a handler that calls `process.exit()`"), "{cause}");
        assert!(hint.ends_with("`process.exit()` in its callback"), "{hint}");
        assert!(exits(ServerKind::Go, 4_000).0.contains("`main` returns"));
        // None of what uvicorn does at its end fits.
        let (cause, hint) = exits(ServerKind::Uvicorn, 4_000);
        assert_eq!((cause.as_str(), hint.as_str()), ("", DRAIN));
        // One that failed did not choose to end.
        for (server, code) in [(ServerKind::Node, 1), (ServerKind::Uvicorn, 1), (ServerKind::Go, 2)] {
            let (cause, hint) = exits_with(server, (4_000, 4_000), code);
            assert_eq!((cause.as_str(), hint.as_str()), ("", LAST_OUTPUT));
        }
        let (cause, _) = exits_with(ServerKind::Node, (4_000, 400_000), 0);
        assert!(cause.contains("`server.close()` closes the listener at once"), "{cause}");
        // What is lost only at a late end was lost by no listener that closed before.
        assert_eq!(exits(ServerKind::Node, 400_000).0, "");
    }

    #[test]
    fn the_option_that_would_accept_a_status_stays_beside_the_remedy() {
        let record = record(&[ServerKind::Nginx], Outcome::Answered { status: 502 });
        let (cause, hint) = advice(CheckId::RequestsAnswered, &record, &terms());
        assert!(cause.contains("the server behind it ended first"), "{cause}");
        assert!(hint.ends_with("; if this is intended: --allow-status 502"), "{hint}");
    }

    #[test]
    fn without_a_recognised_server_or_a_failure_nothing_is_added() {
        let check = found(CheckId::RequestsAnswered, &record(&[], RESET), &terms());
        assert_eq!((check.verdict, check.cause), (Finding::Fail, None));
        let passed = Record { servers: record(&[ServerKind::Nginx], RESET).servers, ..good() };
        let check = found(CheckId::RequestsAnswered, &passed, &terms());
        assert_eq!((check.verdict, check.cause), (Finding::Pass, None));
    }

    #[test]
    fn causes_state_facts_and_remedies_have_the_form_of_hints() {
        for server in SERVERS {
            for cause in knowledge(server).causes {
                // The options of servers are facts.
                let advice = advice_in(cause.cause).filter(|found| !found.contains("--"));
                assert_eq!(advice, None, "{server:?}: {}", cause.cause);
                for text in [cause.cause, cause.remedy] {
                    assert_eq!(crate::error_form::violations(text), [""; 0], "{server:?}");
                }
                let instructs = advice_in(cause.remedy).is_some()
                    || ["stop ", "put ", "call ", "let ", "answer ", "start ", "wait "]
                        .iter()
                        .any(|verb| cause.remedy.starts_with(verb));
                assert!(instructs, "{server:?}: {}", cause.remedy);
            }
        }
        assert!(graceful_signals().contains(&("nginx", "SIGQUIT".to_owned())));
    }
}
