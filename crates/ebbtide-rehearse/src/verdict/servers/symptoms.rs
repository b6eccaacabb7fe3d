//! What the failure of a check showed, as far as the times of what was seen permit it.

use std::time::Duration;

use super::ending::{ended_by_the_signal, exited};
use super::knowledge::Symptom;
use crate::clock::At;
use crate::record::{Ended, Request, Shape};
use crate::verdict::CheckId;
use crate::verdict::blame::Blame;
use crate::verdict::case::Case;
use crate::verdict::checks::exit_code::is_error_code;
use crate::verdict::checks::late::{Late, WaitedFor};
use crate::verdict::checks::listener::first_refusal;
use crate::verdict::checks::signals::is_end_by;
use crate::verdict::fate::{Fate, Reason};
use crate::verdict::losses::{LossGroup, all_ended_with_the_process};

/// A process that ends this soon has not shut down. A service that still answers this long after a loss did not lose it by its end.
const AT_ONCE: Duration = Duration::from_millis(100);

/// Returns what the failure of check `id` showed, the most specific first; empty: nothing that belongs to a server.
pub(super) fn symptoms(case: &Case<'_>, id: CheckId) -> Vec<Symptom> {
    let late = case.record.killed.is_some();
    match id {
        CheckId::SignalHandled => vec![Symptom::Unhandled],
        CheckId::RequestsAnswered => losses(case, case.groups.iter()),
        CheckId::PhasesServed => {
            losses(case, case.groups.iter().filter(|group| group.shape == Shape::Phases))
        }
        CheckId::RefusalsClean | CheckId::LameDuckServed => refusals(case),
        CheckId::ExitInTime => lateness(case),
        CheckId::NoKill | CheckId::ExitCode if late => lateness(case),
        CheckId::ExitCode => match (case.record.exit, ended_by_the_signal(case)) {
            (_, Some(after)) if after < AT_ONCE => vec![Symptom::Unhandled, Symptom::EndedBySignal],
            (_, Some(_)) => vec![Symptom::EndedBySignal],
            (Some((_, ended @ Ended::Code(_))), _) if is_end_by(ended, case.terms.signal.number()) => {
                vec![Symptom::CodeOfSignal]
            }
            _ => Vec::new(),
        },
        CheckId::NoOrphans => vec![Symptom::Orphans],
        CheckId::RoutesServed
        | CheckId::NoKill
        | CheckId::ReadinessBeforeClose
        | CheckId::NoLeakedConnections
        | CheckId::DatabaseClean
        | CheckId::DependenciesClosed
        | CheckId::OrdersProcessed
        | CheckId::JobsReturned
        | CheckId::SecondSignal
        | CheckId::LivenessStaysGreen
        | CheckId::LastLogLine => Vec::new(),
    }
}

/// What a process that was not in time showed. That it waited for its clients is said only if that was seen.
fn lateness(case: &Case<'_>) -> Vec<Symptom> {
    match Late::of(case).waited_for() {
        WaitedFor::Clients => vec![Symptom::Late],
        // As with a process that a wrapper leaves behind: the signal did not reach it.
        WaitedFor::NotStopping => vec![Symptom::Orphans],
        WaitedFor::Unheard | WaitedFor::Dependency | WaitedFor::Unclear => Vec::new(),
    }
}

/// What connections that were refused or reset showed. Those that the end of the process refused were not refused by a listener that
/// was closed before.
fn refusals(case: &Case<'_>) -> Vec<Symptom> {
    let exit = case.record.exit.map(|(at, _)| at);
    let is_by_exit = match (first_refusal(case), exit) {
        (Some(refused), Some(exit)) => exit.since(refused) < BESIDE,
        _ => false,
    };
    match exited(case) {
        Some((0, after)) if is_by_exit && after < AT_ONCE => vec![Symptom::ExitedAtOnce],
        Some((code, _)) if is_by_exit && is_error_code(code) => vec![Symptom::Failed],
        _ if is_by_exit => Vec::new(),
        _ => {
            let is_new =
                |reason| matches!(reason, Reason::ClosedBeforeSend | Reason::NewReset | Reason::NewClosed);
            let bad =
                case.requests.iter().filter(|judged| judged.blamed && judged.reason().is_some_and(is_new));
            let first = bad.map(|judged| judged.request.ended).chain(first_refusal(case)).min();
            let is_closed = first.is_none_or(|first| !accepts_after(case, first));
            is_closed.then_some(Symptom::NewConnections).into_iter().collect()
        }
    }
}

/// Returns whether the service answered a request on a connection that was opened well after `at`: its listener was not closed then.
fn accepts_after(case: &Case<'_>, at: At) -> bool {
    answers_after(case, at, |request| request.opened)
}

/// Returns whether the service answered a request of which `time` is well after `at`. A stop that loses requests at `at` ends what is in
/// flight at each client.
fn answers_after(case: &Case<'_>, at: At, time: fn(&Request) -> At) -> bool {
    case.requests.iter().any(|judged| judged.fate == Fate::Answered && time(judged.request) > at + AT_ONCE)
}

/// The kernel closes the listener of a process this long before its end is seen, at most.
const BESIDE: Duration = Duration::from_millis(5);

/// The symptom of the most frequent loss; before it that of a process that did not stop by itself.
fn losses<'a>(case: &Case<'_>, groups: impl Iterator<Item = &'a LossGroup<'a>>) -> Vec<Symptom> {
    let blamed = groups.filter(|group| group.blame == Blame::Shutdown);
    let Some(most) = blamed.max_by_key(|group| group.after.len()) else { return Vec::new() };
    let record = case.record;
    let is_with_process = all_ended_with_the_process(&most.after, record);
    if is_with_process && ended_by_the_signal(case).is_some_and(|after| after < AT_ONCE) {
        return vec![Symptom::Unhandled];
    }
    match record.killed {
        Some(killed) if most.after.iter().all(|request| request.ended >= killed) => lateness(case),
        // On a busy machine its end may be seen long after that of its connections.
        None if exited(case).is_some_and(|(code, _)| is_error_code(code)) => vec![Symptom::Failed],
        None if is_with_process => match exited(case) {
            Some((0, after)) if after < AT_ONCE => vec![Symptom::ExitedAtOnce],
            // A shell exits so when its child ended by a signal, and a program that chooses to.
            Some((128.., after)) if after < AT_ONCE => Vec::new(),
            _ => of_reason(case, most),
        },
        _ => of_reason(case, most),
    }
}

/// What losses for one reason showed.
fn of_reason(case: &Case<'_>, lost: &LossGroup<'_>) -> Vec<Symptom> {
    let first = lost.after.iter().map(|request| request.ended).min().unwrap_or_default();
    let is_with_process = all_ended_with_the_process(&lost.after, case.record);
    // What the end of the process closed was open until then.
    let is_closed_before = !is_with_process && !accepts_after(case, first);
    let in_flight = |can_be_the_end: bool| {
        if answers_after(case, first, |request| request.begun) {
            return Vec::new();
        }
        let is_overdue = first.since(case.record.signalled) >= AT_ONCE;
        let mut found = Vec::new();
        // A crash or another signal is no exit.
        let is_by_exit = can_be_the_end && is_with_process && exited(case).is_some();
        found.extend(is_by_exit.then_some(Symptom::EndedInFlight));
        found.extend(is_overdue.then_some(Symptom::Overdue));
        found.push(Symptom::InFlight);
        found
    };
    match lost.reason {
        Reason::ClosedBeforeSend | Reason::NewReset | Reason::NewClosed if is_closed_before => {
            vec![Symptom::NewConnections]
        }
        Reason::HalfSent | Reason::Kept | Reason::Pipelined if is_closed_before => {
            vec![Symptom::KeptConnections]
        }
        // A process that has ended resets no stream.
        Reason::Reset(_) | Reason::CutByReset(_) => in_flight(false),
        Reason::InProgress
        | Reason::CutInHead
        | Reason::CutInBody
        | Reason::CutInLine
        | Reason::TruncatedUnframed
        | Reason::NoCloseFrame
        | Reason::CutInEvent => in_flight(true),
        Reason::TimedOut => vec![Symptom::TimedOut],
        Reason::Status(503) | Reason::GrpcStatus(14) => vec![Symptom::Unavailable, Symptom::BadGateway],
        Reason::Status(502 | 504) => vec![Symptom::BadGateway],
        Reason::Status(500) => vec![Symptom::ServerError],
        // What the service did while it served on, or sent itself, and what is no evidence.
        Reason::LateClient
        | Reason::ClosedBeforeSend
        | Reason::NewReset
        | Reason::NewClosed
        | Reason::HalfSent
        | Reason::Kept
        | Reason::Pipelined
        | Reason::ErrorClose(_)
        | Reason::NoEcho
        | Reason::NoReply
        | Reason::NoGrpcStatus
        | Reason::Status(_)
        | Reason::GrpcStatus(_)
        | Reason::Malformed
        | Reason::LongLine
        | Reason::Empty
        | Reason::OtherBody
        | Reason::OtherLocation
        | Reason::OtherContentType
        | Reason::NoNumber
        | Reason::NoUpgrade(_)
        | Reason::NoEvents(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Close, Outcome, Recognised, Record, ServerKind};
    use crate::verdict::samples::{SIGNALLED, found, good, request, terms};
    use crate::verdict::{Finding, Terms};

    const RESET: Outcome = Outcome::Unanswered { close: Close::Reset };
    const CUT: Outcome = Outcome::CutInBody { close: Close::Eof };
    const STREAM: Outcome = Outcome::StreamReset { code: 2, response_begun: false };

    /// A service that is `server`, lost requests as `outcome` says until `after` the signal, and exits with `ended` at `exit` after it.
    fn record(server: ServerKind, (outcome, after): (Outcome, u64), (exit, ended): (u64, Ended)) -> Record {
        let mut record = good();
        record.servers = vec![Recognised { server, by: "a sign".to_owned() }];
        record.exit = Some((At(SIGNALLED + exit), ended));
        record.traffic.requests.retain(|request| request.begun < At(SIGNALLED));
        let mut lost = request(SIGNALLED - 400_000, outcome);
        lost.ended = At(SIGNALLED + after);
        record.traffic.requests.push(lost);
        record
    }

    fn cause(id: CheckId, record: &Record, terms: &Terms) -> String {
        let check = found(id, record, terms);
        assert_eq!(check.verdict, Finding::Fail, "{check:?}");
        check.cause.unwrap_or_default()
    }

    fn of_requests(record: &Record) -> String {
        cause(CheckId::RequestsAnswered, record, &terms())
    }

    #[test]
    fn a_service_that_answers_on_did_not_lose_a_request_by_its_stop() {
        for server in [ServerKind::Node, ServerKind::Go, ServerKind::Spring, ServerKind::Uvicorn] {
            for outcome in [STREAM, CUT, RESET] {
                let mut record = record(server, (outcome, 2_600), (1_660_000, Ended::Code(0)));
                let answers = |begun| request(SIGNALLED + begun, Outcome::Answered { status: 200 });
                record.traffic.requests.extend([answers(900_000), answers(1_600_000)]);
                assert_eq!(of_requests(&record), "", "{server:?} {outcome:?}");
            }
        }
    }

    #[test]
    fn requests_that_the_end_of_the_process_lost_are_told_from_others() {
        let exits = |outcome, after, exit, code| {
            of_requests(&record(ServerKind::Node, (outcome, after), (exit, Ended::Code(code))))
        };
        let at = |outcome, after, exit| exits(outcome, after, exit, 0);
        assert!(at(CUT, 600_000, 600_000).contains("`process.exit()` does not wait for them"));
        assert!(at(CUT, 2_000, 2_000).contains("a handler that calls `process.exit()`"));
        // With an exit code of an error, a handler that threw is as likely. With that of the signal, a server without a handler behind a shell.
        for code in [1, 2, 7] {
            assert_eq!(
                (exits(CUT, 600_000, 600_000, code), exits(CUT, 2_000, 2_000, code)),
                Default::default()
            );
        }
        assert_eq!(exits(CUT, 2_000, 2_000, 143), "");
        let crashed = record(ServerKind::Node, (CUT, 600_000), (600_000, Ended::Signal(11)));
        assert_eq!(of_requests(&crashed), "");
        // It ran on, or it was running when it reset the stream.
        assert_eq!(at(CUT, 2_600, 1_660_000), "");
        assert_eq!(at(STREAM, 600_000, 600_000), "");
    }

    #[test]
    fn a_limit_of_the_drain_is_no_cause_of_a_loss_right_after_the_signal() {
        let at =
            |after| of_requests(&record(ServerKind::Kestrel, (STREAM, after), (1_660_000, Ended::Code(0))));
        assert_eq!(at(2_600), "");
        assert!(at(1_500_000).contains("`HostOptions.ShutdownTimeout`"));
    }

    #[test]
    fn a_process_that_ends_by_the_signal_after_its_drain_has_a_handler() {
        let ended = |server, after| {
            let record = record(server, (Outcome::Answered { status: 200 }, 100), (after, Ended::Signal(15)));
            cause(CheckId::ExitCode, &record, &terms())
        };
        assert!(ended(ServerKind::Node, 1_000).contains("without a handler"));
        assert_eq!(ended(ServerKind::Node, 500_000), "");
        assert!(ended(ServerKind::Uvicorn, 500_000).contains("raises the signal again"));
    }

    #[test]
    fn an_exit_code_or_a_status_of_another_kind_has_another_cause() {
        let answered = |status| Outcome::Answered { status };
        let exits = |code| record(ServerKind::Spring, (answered(200), 100), (500_000, Ended::Code(code)));
        assert!(cause(CheckId::ExitCode, &exits(143), &terms()).contains("128 and the number of the signal"));
        assert_eq!(cause(CheckId::ExitCode, &exits(1), &terms()), "");
        let status = |status| {
            of_requests(&record(ServerKind::Nginx, (answered(status), 100_000), (500_000, Ended::Code(0))))
        };
        assert!(status(502).contains("the server behind it ended first"));
        assert_eq!(status(404), "");
    }

    #[test]
    fn a_listener_that_the_exit_closed_was_not_closed_before() {
        let mut record = record(ServerKind::Node, (RESET, 2_000), (2_000, Ended::Code(0)));
        record.traffic.requests.push(request(SIGNALLED + 2_100, Outcome::Refused));
        let routed = Terms { min_lame_duck: Duration::from_millis(500), ..terms() };
        assert!(cause(CheckId::LameDuckServed, &record, &routed).contains("`process.exit()`"));
        let failed = Record { exit: Some((At(SIGNALLED + 2_000), Ended::Code(1))), ..record.clone() };
        assert_eq!(cause(CheckId::LameDuckServed, &failed, &routed), "");
        record.traffic.requests.last_mut().unwrap().begun = At(SIGNALLED + 100);
        record.exit = Some((At(SIGNALLED + 600_000), Ended::Code(0)));
        assert!(cause(CheckId::LameDuckServed, &record, &routed).contains("closes the listener at once"));
    }
}
