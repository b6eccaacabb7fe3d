//! Each check on hand-made records: what it lets pass, and the fault it is meant for.

use std::net::SocketAddr;

use proptest::prelude::*;

use super::samples::{SIGNALLED, any_request, found, good, request, terms};
use super::{CheckId, Facts, Finding, Terms, Verdict, conclude, judge};
use crate::clock::At;
use crate::record::{
    Close, Database, Ended, JobsLeft, OrderStore, Orphan, Outcome, ReadySample, ReadyState, Record, Request,
    Session, Shape, SignalState, Store,
};

const RESET: Outcome = Outcome::Unanswered { close: Close::Reset };

#[track_caller]
fn fails(id: CheckId, record: &Record, terms: &Terms, evidence: &str) {
    let check = found(id, record, terms);
    assert_eq!(check.verdict, Finding::Fail, "{check:?}");
    assert!(check.evidence.contains(evidence), "{check:?}");
    assert_eq!(judge(record, terms).verdict, Verdict::Fail);
}

#[test]
fn a_run_that_loses_nothing_passes() {
    let run = judge(&good(), &terms());
    assert_eq!(run.verdict, Verdict::Pass, "{:?}", run.checks);
    assert_eq!(run.exit.after_ms, Some(600.0));
    assert_eq!((run.requests.sent, run.requests.answered_after_signal, run.requests.refused), (4, 2, 1));
}

#[test]
fn one_lost_request_of_many_fails_and_says_which_shape_and_why() {
    let mut record = good();
    record.traffic.requests.push(request(1_400_000, RESET));
    fails(
        CheckId::RequestsAnswered,
        &record,
        &terms(),
        "storm: 1 of 3 lost after the signal (+401 ms): new connection reset with no response byte",
    );
}

#[test]
fn a_reused_connection_that_closes_under_a_request_is_ambiguous_and_still_fails() {
    let mut record = good();
    let mut lost = request(1_400_000, Outcome::Unanswered { close: Close::Eof });
    (lost.shape, lost.fresh) = (Shape::Keepalive, false);
    record.traffic.requests.push(lost);
    let terms = Terms { shapes: vec![Shape::Storm, Shape::Keepalive], ..terms() };
    fails(
        CheckId::RequestsAnswered,
        &record,
        &terms,
        "keepalive: 1 of 1 lost after the signal (+401 ms): kept connection closed with no response byte",
    );
    assert_eq!(judge(&record, &terms).shapes[1].ambiguous, 1);
}

#[test]
fn truncated_timed_out_and_failed_responses_are_losses() {
    for (outcome, evidence) in [
        (Outcome::CutInBody { close: Close::Eof }, "truncated"),
        (Outcome::TimedOut, "timed out"),
        (Outcome::Answered { status: 503 }, "status 503"),
        (Outcome::ClosedBeforeSend { close: Close::Reset }, "before the first byte was sent"),
    ] {
        let mut record = good();
        record.traffic.requests.push(request(1_400_000, outcome));
        fails(CheckId::RequestsAnswered, &record, &terms(), evidence);
    }
}

#[test]
fn a_shape_with_nothing_in_flight_during_the_shutdown_is_inconclusive() {
    let terms = Terms { shapes: vec![Shape::Storm, Shape::Slow], ..terms() };
    let check = found(CheckId::RequestsAnswered, &good(), &terms);
    assert_eq!(check.verdict, Finding::Inconclusive);
    assert!(check.evidence.contains("slow"), "{check:?}");
    let hint = check.hint.unwrap_or_default();
    assert!(hint.contains("--url slow="), "what would have made it conclusive: {hint}");
    assert_eq!(judge(&good(), &terms).verdict, Verdict::Inconclusive);
    // A run that had some in flight makes up for it.
    let mut busy = good();
    let answered = Outcome::Answered { status: 200 };
    busy.traffic.requests.push(Request { shape: Shape::Slow, ..request(999_900, answered) });
    let runs = [&good(), &busy].map(|record| (judge(record, &terms), Facts::default()));
    assert_eq!(conclude(runs.into()).verdict, Verdict::Pass);
}

#[test]
fn requests_in_flight_at_the_exit_are_attributed_to_the_exit_whenever_noticed() {
    let exit = good().exit.unwrap().0.0;
    for seen in [exit - 4_000, exit, exit + 300_000] {
        let mut record = good();
        record.traffic.requests.push(Request { ended: At(seen), ..request(1_400_000, RESET) });
        fails(CheckId::RequestsAnswered, &record, &terms(), "; all when the process ended (+600 ms)");
        record.orphans = vec![Orphan { pid: 1, name: "child".into() }];
        (record.cleaned_up, record.children_until) = (Some(At(exit + 400_000)), Some(At(exit + 401_000)));
        let evidence = found(CheckId::RequestsAnswered, &record, &terms()).evidence;
        // A process that is still there may have had its connection.
        assert_eq!(evidence.contains("when the process ended"), seen <= exit, "{evidence}");
    }
}

#[test]
fn losses_after_the_last_response_are_attributed_to_a_late_observed_exit() {
    let exit = good().exit.unwrap().0.0;
    for (seen, answered, with) in
        [(40_000, 50_000, true), (40_000, 30_000, false), (300_000, 310_000, false), (4_000, 2_000, true)]
    {
        let mut record = good();
        record.traffic.requests.retain(|request| request.ended < At(exit - 310_000));
        for (before, outcome) in [(answered, Outcome::Answered { status: 200 }), (seen, RESET)] {
            record.traffic.requests.push(Request { ended: At(exit - before), ..request(1_200_000, outcome) });
        }
        let evidence = found(CheckId::RequestsAnswered, &record, &terms()).evidence;
        assert_eq!(evidence.contains("when the process ended"), with, "{seen} {answered}: {evidence}");
    }
}

#[test]
fn a_listener_that_opens_again_or_closes_what_it_accepts_is_not_clean() {
    let mut record = good();
    record.traffic.requests.push(request(1_550_000, Outcome::Answered { status: 200 }));
    fails(CheckId::RefusalsClean, &record, &terms(), "1 new connection was accepted after the first refusal");
    let mut record = good();
    record.traffic.requests.push(request(1_400_000, Outcome::ConnectTimeout));
    fails(CheckId::RefusalsClean, &record, &terms(), "neither accepted nor refused");
    for outcome in [Outcome::ClosedBeforeSend { close: Close::Reset }, RESET] {
        let mut record = good();
        record.traffic.requests.push(request(1_400_000, outcome));
        fails(
            CheckId::RefusalsClean,
            &record,
            &terms(),
            "1 new connection was accepted after the signal and closed",
        );
    }
}

#[test]
fn a_connection_from_before_the_first_refusal_is_not_new() {
    let mut record = good();
    // Opened before the signal, silent until after the first refusal, and answered.
    let answered = request(1_550_000, Outcome::Answered { status: 200 });
    record.traffic.requests.push(Request { opened: At(900_000), ..answered });
    // In flight since long before the signal, and cut at the exit: lost, and not around the close.
    record.traffic.requests.push(Request { ended: At(1_600_000), ..request(500_000, RESET) });
    let check = found(CheckId::RefusalsClean, &record, &terms());
    assert_eq!(check.verdict, Finding::Pass, "{check:?}");
    assert_eq!(found(CheckId::RequestsAnswered, &record, &terms()).verdict, Finding::Fail);
}

#[test]
fn each_address_is_a_separate_listener() {
    let other: crate::record::Endpoint = SocketAddr::from(([127, 0, 0, 1], 81)).into();
    let mut record = good();
    record
        .traffic
        .requests
        .push(Request { to: other.clone(), ..request(1_550_000, Outcome::Answered { status: 200 }) });
    assert_eq!(found(CheckId::RefusalsClean, &record, &terms()).verdict, Finding::Pass);
    // A probe that is refused is red where the load goes elsewhere.
    let strict = Terms { require_readiness: true, readiness: Some((other, "/readyz".into())), ..terms() };
    let mut record = good();
    record.readiness = vec![look(SIGNALLED - 1, ReadyState::Ready), look(SIGNALLED + 5, ReadyState::Refused)];
    assert_eq!(found(CheckId::ReadinessBeforeClose, &record, &strict).verdict, Finding::Pass);
    let same = Terms { readiness: Some((request(0, RESET).to, "/readyz".into())), ..strict };
    fails(CheckId::ReadinessBeforeClose, &record, &same, "never seen red");
}

fn look(ended: u64, state: ReadyState) -> ReadySample {
    ReadySample { begun: At(ended), ended: At(ended), state }
}

#[test]
fn readiness_must_fail_before_the_first_refusal() {
    let strict = Terms { require_readiness: true, ..terms() };
    let with = |looks: Vec<ReadySample>| Record { readiness: looks, ..good() };
    let green = || look(SIGNALLED - 1, ReadyState::Ready);
    let red_first = with(vec![green(), look(SIGNALLED + 5, ReadyState::Red(503))]);
    assert_eq!(found(CheckId::ReadinessBeforeClose, &red_first, &strict).verdict, Finding::Pass);
    let never = with(vec![green()]);
    fails(CheckId::ReadinessBeforeClose, &never, &strict, "never seen red");
    let late = with(vec![green(), look(1_550_000, ReadyState::Red(503))]);
    fails(CheckId::ReadinessBeforeClose, &late, &strict, "only at +550 ms");
    let foreign = with(vec![green(), look(1_700_000, ReadyState::Red(503))]);
    fails(CheckId::ReadinessBeforeClose, &foreign, &strict, "never seen red");
    assert_eq!(found(CheckId::ReadinessBeforeClose, &never, &terms()).verdict, Finding::Skipped);
    assert_eq!(found(CheckId::ReadinessBeforeClose, &good(), &terms()).verdict, Finding::Skipped);
    let before =
        with(vec![look(SIGNALLED - 1, ReadyState::Red(503)), look(SIGNALLED + 5, ReadyState::Red(503))]);
    fails(CheckId::ReadinessBeforeClose, &before, &strict, "before the signal already");
}

#[test]
fn the_process_must_exit_in_time_by_itself_and_as_expected() {
    let exit = |at, ended| Record { exit: Some((At(at), ended)), ..good() };
    fails(CheckId::ExitInTime, &exit(32_000_000, Ended::Code(0)), &terms(), "30 s");
    fails(CheckId::ExitCode, &exit(1_600_000, Ended::Code(3)), &terms(), "exit code 3, expected exit code 0");
    fails(CheckId::ExitCode, &exit(1_600_000, Ended::Signal(15)), &terms(), "ended by SIGTERM");
    fails(CheckId::NoKill, &exit(1_600_000, Ended::Signal(9)), &terms(), "did not send");
    let killed = Record { killed: Some(At(31_000_000)), ..exit(31_000_100, Ended::Signal(9)) };
    fails(CheckId::NoKill, &killed, &terms(), "SIGKILL was sent 30.00 s after");
    fails(CheckId::ExitInTime, &killed, &terms(), "still running");
}

#[test]
fn whether_the_signal_is_handled_is_judged_by_what_happened() {
    let ended = |record: Record, caught, ignored, pid_one| {
        let state = SignalState { caught, blocked: false, ignored, pid_one };
        Record { signal_state: Some(state), ..record }
    };
    let by_signal = |at| {
        let mut record = good();
        record.exit = Some((At(at), Ended::Signal(15)));
        record.traffic.requests.retain(|request| request.ended < At(at));
        record
    };
    let killed =
        Record { killed: Some(At(31_000_000)), exit: Some((At(31_000_100), Ended::Signal(9))), ..good() };
    fails(CheckId::SignalHandled, &ended(killed.clone(), false, true, false), &terms(), "ignores SIGTERM");
    fails(CheckId::SignalHandled, &ended(killed, false, false, true), &terms(), "PID 1");
    fails(
        CheckId::SignalHandled,
        &ended(by_signal(1_000_500), false, false, false),
        &terms(),
        "default action",
    );
    // A shell that was ended by the signal, and the service behind it, which got none and goes on to answer.
    let mut wrapped = good();
    wrapped.exit = Some((At(1_003_000), Ended::Signal(15)));
    wrapped.orphans = vec![Orphan { pid: 7, name: "service".into() }];
    assert!(wrapped.traffic.requests.iter().any(|request| request.ended > At(1_150_000)));
    let wrapped = ended(wrapped, false, false, false);
    fails(CheckId::SignalHandled, &wrapped, &terms(), "default action");
    let hint = found(CheckId::SignalHandled, &wrapped, &terms()).hint.unwrap_or_default();
    assert!(hint.contains("has to `exec`"), "{hint}");
    // As with sigwait: nothing in /proc, and the process ends by itself.
    let passes = |record: Record| {
        let check = found(CheckId::SignalHandled, &record, &terms());
        assert_eq!(check.verdict, Finding::Pass, "{check:?}");
    };
    passes(ended(good(), false, false, false));
    // It handled the signal, went on to answer, and raised it again.
    passes(ended(by_signal(1_600_000), false, false, false));
    passes(ended(by_signal(1_600_000), true, false, false));
    // A handler that ends the process by the signal at once, as Node's own.
    fails(CheckId::SignalHandled, &ended(by_signal(1_000_500), true, false, false), &terms(), "at once");
}

#[test]
fn a_process_left_behind_is_named() {
    let record = Record { orphans: vec![Orphan { pid: 7, name: "helper".into() }], ..good() };
    fails(CheckId::NoOrphans, &record, &terms(), "helper (7)");
}

#[test]
fn a_database_session_that_was_not_closed_is_found() {
    let session = |state: &str| Session { pid: 9, state: state.into(), query: "SELECT 1".into() };
    let clean = Database { abandoned: Some(0), most: 4, ..Database::default() };
    let with = |database| Record { database: Some(database), ..good() };
    assert_eq!(judge(&with(clean.clone()), &terms()).verdict, Verdict::Pass);
    fails(
        CheckId::DatabaseClean,
        &with(Database { abandoned: Some(2), ..clean.clone() }),
        &terms(),
        "2 sessions",
    );
    let busy =
        Database { last: Some((At(1_590_000), vec![session("idle in transaction")])), ..clean.clone() };
    fails(CheckId::NoLeakedConnections, &with(busy), &terms(), "backend 9");
    let left = Database { left: vec![session("active")], ..clean.clone() };
    fails(CheckId::NoLeakedConnections, &with(left), &terms(), "after the exit");
    let unused = Database { most: 0, ..clean };
    assert_eq!(found(CheckId::DatabaseClean, &with(unused), &terms()).verdict, Finding::Inconclusive);
}

#[test]
fn the_demos_orders_and_its_last_log_line_must_exist() {
    let terms = || Terms { store: true, ..terms() };
    let with = |orders: OrderStore, line: &str| left(orders, JobsLeft::default(), line);
    let whole = || OrderStore { total: 1, ..OrderStore::default() };
    let ids = || vec!["a".to_owned()];
    assert_eq!(judge(&with(whole(), "INFO lifecycle exited"), &terms()).verdict, Verdict::Pass);
    fails(CheckId::LastLogLine, &with(whole(), "INFO draining"), &terms(), "INFO draining");
    for (orders, evidence) in [
        (OrderStore { missing: ids(), ..whole() }, "but missing"),
        (OrderStore { stored: ids(), ..whole() }, "never queued"),
        (OrderStore { processing: ids(), ..whole() }, "half-processed"),
    ] {
        fails(CheckId::OrdersProcessed, &with(orders, "lifecycle exited"), &terms(), evidence);
    }
}

/// A good run of the demo that left these orders and jobs behind.
fn left(orders: OrderStore, jobs: JobsLeft, line: &str) -> Record {
    let mut record = good();
    record.traffic.requests[0].order = Some("a".into());
    let store = Store { orders: Ok(orders), jobs: Ok(jobs), last_log_line: Ok(line.into()) };
    Record { store: Some(store), ..record }
}

#[test]
fn each_unprocessed_order_must_have_a_queued_job() {
    let terms = || Terms { store: true, ..terms() };
    let orders = || OrderStore { total: 9, queued: 3, ..OrderStore::default() };
    let with = |orders: OrderStore, (waiting, leased, dead_lettered)| {
        left(orders, JobsLeft { waiting, leased, dead_lettered }, "lifecycle exited")
    };
    for leased in [Some(0), None] {
        let record = with(orders(), (3, leased, 0));
        let check = found(CheckId::JobsReturned, &record, &terms());
        assert!(
            check.verdict == Finding::Pass && check.evidence.starts_with("3 jobs are queued"),
            "{check:?}"
        );
        assert_eq!(judge(&record, &terms()).verdict, Verdict::Pass);
    }
    for (jobs, evidence) in [
        ((1, Some(2), 0), "2 jobs are still leased"),
        ((2, None, 0), "3 orders are pending for the next process, but 2 jobs are"),
        ((4, None, 0), "4 jobs are"),
        ((3, Some(0), 1), "1 job was dead-lettered"),
    ] {
        fails(CheckId::JobsReturned, &with(orders(), jobs), &terms(), evidence);
    }
    // A requeued job is not lost, only half-processed.
    let requeued_ids = with(OrderStore { processing: vec!["a".into()], ..orders() }, (4, Some(0), 0));
    assert_eq!(found(CheckId::JobsReturned, &requeued_ids, &terms()).verdict, Finding::Pass);
    let mut unknown = with(orders(), (3, Some(0), 0));
    unknown.store.as_mut().unwrap().jobs = Err("no answer".into());
    assert_eq!(found(CheckId::JobsReturned, &unknown, &terms()).verdict, Finding::Inconclusive);
    assert_eq!(judge(&unknown, &terms()).verdict, Verdict::Inconclusive);
    let idle = with(OrderStore { total: 3, ..orders() }, (3, Some(0), 0));
    assert_eq!(found(CheckId::OrdersProcessed, &idle, &terms()).verdict, Finding::Inconclusive);
}

#[test]
fn one_failed_run_of_many_fails_the_rehearsal_and_is_reported() {
    let mut bad = good();
    bad.traffic.requests.push(request(1_400_000, RESET));
    bad.exit = Some((At(1_700_000), Ended::Code(0)));
    let runs = [good(), bad, good()].map(|record| (judge(&record, &terms()), Facts::default()));
    let rehearsal = conclude(runs.into());
    assert_eq!(rehearsal.verdict, Verdict::Fail);
    assert_eq!((rehearsal.requests.sent, rehearsal.requests.lost), (13, 1));
    assert_eq!(rehearsal.exit.after_ms, Some(700.0));
    let check = rehearsal.checks.iter().find(|check| check.id == CheckId::RequestsAnswered).unwrap();
    assert!(check.evidence.starts_with("in 1 of 3 runs; run 2: storm"), "{check:?}");
}

proptest! {
    #[test]
    fn a_run_with_a_loss_by_the_shutdown_never_passes_and_its_counts_add_up(
        requests in proptest::collection::vec(any_request(), 1..60),
        signalled in 0..6_000_u64,
        exit in 0..6_000_u64,
    ) {
        let mut record = good();
        record.traffic.requests = requests;
        record.signalled = At(signalled);
        record.exit = Some((At(signalled + exit), Ended::Code(0)));
        let runs: Vec<_> = (0..3).map(|_| (judge(&record, &terms()), Facts::default())).collect();
        let counts = runs[0].0.requests;
        let lost = runs[0].0.lost_by_shutdown;
        prop_assert_eq!(lost > 0, found(CheckId::RequestsAnswered, &record, &terms()).verdict == Finding::Fail);
        if lost > 0 {
            prop_assert_eq!(runs[0].0.verdict, Verdict::Fail);
        }
        prop_assert!(lost <= counts.bad());
        let by_shape = runs[0].0.shapes.iter().map(|shape| shape.requests.sent).sum::<u64>();
        prop_assert!(by_shape <= counts.sent);
        let all = conclude(runs);
        prop_assert_eq!(all.requests.sent, 3 * counts.sent);
        prop_assert_eq!(all.requests.lost, 3 * counts.lost);
        prop_assert_eq!(all.verdict, all.runs[0].verdict.verdict);
    }
}
