//! Finds advice in evidence, for tests: evidence states facts, and advice belongs into the hint of a check.

use proptest::prelude::*;

use super::samples::{SIGNALLED, any_request, good, request, terms};
use super::{Finding, Terms, judge};
use crate::clock::At;
use crate::record::{
    Close, Database, Ended, HeldConnection, JobsLeft, NO_POST_ROUTE, OrderStore, Orphan, Outcome, Phase,
    ReadySample, ReadyState, Record, Session, Shape, SignalState, Store,
};
use crate::scenario::Expected;

/// Verbs that begin an instruction.
const IMPERATIVES: [&str; 15] = [
    "add", "check", "choose", "give", "install", "lower", "make", "raise", "reduce", "run", "see", "set",
    "try", "use", "write",
];
/// Words that say what the reader should do.
const MODALS: [&str; 5] = ["should", "must", "has to", "if this is intended", "would make"];

/// Returns the part of `evidence` that is advice: an option, an instruction at the beginning of a clause, or an obligation.
pub(super) fn advice_in(evidence: &str) -> Option<&str> {
    let is_option = |word: &&str| word.trim_start_matches(['(', '`']).starts_with("--");
    let clauses = evidence.split(['\n', ';', ':', '.', ',', '(']).map(str::trim);
    let instructs = |clause: &&str| {
        let (verb, object) = clause.split_once(' ').unwrap_or((clause, ""));
        // `run 2` is a number.
        IMPERATIVES.contains(&verb.to_lowercase().as_str()) && !object.starts_with(char::is_numeric)
    };
    let mut instructions = clauses.filter(instructs);
    let modal = MODALS.into_iter().find(|words| evidence.contains(words));
    evidence.split_whitespace().find(is_option).or_else(|| instructions.next()).or(modal)
}

#[test]
fn advice_is_told_from_facts() {
    for advice in [
        "no connection could be held in any phase; use a longer --warmup",
        "no connection could be held in any phase; use a longer warm-up",
        "disabled (--no-phases)",
        "no handler for SIGTERM; a wrapper script has to `exec` the service",
        "no baseline. Try less load",
        "exit code 3, expected exit code 0; if this is intended",
    ] {
        assert!(advice_in(advice).is_some(), "{advice}");
    }
    for fact in
        ["in use when the process ended: backend 9 (active: SELECT 1)", "closed unused, safe to retry: a"]
    {
        assert_eq!(advice_in(fact), None);
    }
}

fn ended() -> impl Strategy<Value = Ended> {
    prop_oneof![
        prop::sample::select(vec![0, 1, 3, 4, 143]).prop_map(Ended::Code),
        prop::sample::select(vec![9, 15]).prop_map(Ended::Signal)
    ]
}

fn sessions() -> impl Strategy<Value = Vec<Session>> {
    let state = prop::sample::select(vec!["idle", "active"]);
    let session = state.prop_map(|state| Session { pid: 9, state: state.into(), query: "SELECT 1".into() });
    prop::collection::vec(session, 0..2)
}

fn database() -> impl Strategy<Value = Option<Database>> {
    let trouble = prop::option::of(Just("connection closed".to_owned()));
    let parts = (prop::option::of(0..2_i64), 0..2_usize, sessions(), sessions(), trouble, any::<bool>());
    prop::option::of(parts.prop_map(|(abandoned, most, last, left, trouble, emptied)| Database {
        abandoned,
        most,
        last: Some((At(SIGNALLED), last)),
        emptied: emptied.then_some(At(SIGNALLED)),
        left,
        trouble,
    }))
}

fn readable<T: std::fmt::Debug>(value: impl Strategy<Value = T>) -> impl Strategy<Value = Result<T, String>> {
    (any::<bool>(), value)
        .prop_map(|(is_read, value)| if is_read { Ok(value) } else { Err("no answer".into()) })
}

fn store() -> impl Strategy<Value = Option<Store>> {
    let ids = || prop::collection::vec(Just("a".to_owned()), 0..2);
    let orders = (0..3_usize, ids(), 0..3_u64, ids(), ids()).prop_map(
        |(total, stored, queued, processing, missing)| OrderStore {
            total,
            stored,
            queued,
            processing,
            missing,
        },
    );
    let jobs = (0..3_u64, prop::option::of(0..2_u64), 0..2_u64)
        .prop_map(|(waiting, leased, dead_lettered)| JobsLeft { waiting, leased, dead_lettered });
    let line = prop::sample::select(vec!["lifecycle exited", "draining"]).prop_map(str::to_owned);
    let parts = (readable(orders), readable(jobs), readable(line));
    prop::option::of(parts.prop_map(|(orders, jobs, last_log_line)| Store { orders, jobs, last_log_line }))
}

fn readiness() -> impl Strategy<Value = Vec<ReadySample>> {
    let states = vec![ReadyState::Ready, ReadyState::Red(503), ReadyState::Refused, ReadyState::NoAnswer];
    let look = (prop::sample::select(states), 900_000..2_000_000_u64).prop_map(|(state, at)| ReadySample {
        begun: At(at),
        ended: At(at),
        state,
    });
    prop::collection::vec(look, 0..4)
}

fn held() -> impl Strategy<Value = Vec<HeldConnection>> {
    let whys = prop::sample::select(vec![NO_POST_ROUTE, "closed before the signal"]);
    let held = (prop::option::of(whys), any::<bool>()).prop_map(|(why, closed_unused)| HeldConnection {
        phase: Phase::HalfBody,
        held: why.map_or(Ok(()), |why| Err(why.to_owned())),
        closed_unused,
    });
    prop::collection::vec(held, 0..3)
}

/// What the service and its process did, of which each value changes the evidence of a check.
fn records() -> impl Strategy<Value = Record> {
    let requests = prop::collection::vec(any_request(), 0..12).prop_map(|requests| {
        let at = |at: At| At(at.0 + SIGNALLED - 3000);
        let moved = requests.into_iter().map(|mut request| {
            (request.begun, request.opened, request.due) =
                (at(request.begun), at(request.begun), at(request.begun));
            request.ended = at(request.ended);
            request
        });
        moved.collect::<Vec<_>>()
    });
    let process = (ended(), any::<bool>(), any::<bool>(), prop::option::of((any::<bool>(), any::<bool>())));
    let traffic = (requests, held(), any::<bool>(), any::<bool>(), any::<bool>());
    let report = prop::option::of(prop::sample::select(vec![10_000_u64, 30_000, 60_000]));
    (process, traffic, (readiness(), database(), store()), report, any::<bool>()).prop_map(
        |(
            (ended, is_killed, has_orphan, signal),
            (requests, held, trouble, bound, phases),
            seen,
            grace,
            has_ended,
        )| {
            let mut record = good();
            if !requests.is_empty() {
                record.traffic.requests = requests;
            }
            record.exit = has_ended.then_some((At(SIGNALLED + 2_000), ended));
            record.killed = is_killed.then_some(At(SIGNALLED + 1_000));
            record.orphans =
                has_orphan.then(|| Orphan { pid: 7, name: "child".into() }).into_iter().collect();
            record.signal_state = signal.map(|(ignored, pid_one)| SignalState {
                caught: false,
                blocked: false,
                ignored,
                pid_one,
            });
            record.traffic.held = held;
            record.traffic.last_trouble = trouble.then(|| "no free port".into());
            record.traffic.bound_reached = bound.then_some(At(SIGNALLED));
            record.traffic.no_phases = phases.then(|| "the service answers one connection".into());
            (record.readiness, record.database, record.store) = seen;
            record.report = grace.map(|grace_ms| {
                let component = serde_json::json!({ "name": "api", "outcome": { "kind": "cancelled" } });
                serde_json::json!({ "plan": { "grace_ms": grace_ms }, "components": [component] })
            });
            record
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]
    #[test]
    fn neither_evidence_nor_notes_have_advice(
        record in records(),
        (require_readiness, phases, store, signal) in any::<(bool, bool, bool, bool)>(),
        slow in any::<bool>(),
    ) {
        let expected = if signal { vec![Expected(Ended::Code(0)), Expected(Ended::Signal(15))] } else { terms().expected };
        let shapes = if slow { vec![Shape::Storm, Shape::Slow] } else { vec![Shape::Storm] };
        let terms = Terms { require_readiness, phases, store, expected, shapes, ..terms() };
        let run = judge(&record, &terms);
        for text in run.checks.iter().map(|check| &check.evidence).chain(&run.notes) {
            prop_assert_eq!(advice_in(text), None, "{}", text);
        }
        // Advice for a check that passed has to be about something that it did not cover.
        let passed = run.checks.iter().filter(|check| check.verdict == Finding::Pass && check.hint.is_some());
        for check in passed {
            prop_assert!(check.evidence.contains("not held") || check.evidence.contains("grace period"), "{:?}", check);
        }
    }
}

#[test]
fn each_kind_of_loss_is_evidence_without_advice() {
    let outcomes = [
        Outcome::Unanswered { close: Close::Eof },
        Outcome::CutInHead { close: Close::Eof },
        Outcome::CutInBody { close: Close::Eof },
        Outcome::Malformed,
        Outcome::TimedOut,
        Outcome::Answered { status: 418 },
        Outcome::ConnectTimeout,
    ];
    for outcome in outcomes {
        let mut record = good();
        record.traffic.requests.push(request(SIGNALLED + 400_000, outcome));
        let run = judge(&record, &terms());
        assert!(run.checks.iter().any(|check| check.verdict == Finding::Fail), "{outcome:?}");
        assert!(run.checks.iter().all(|check| advice_in(&check.evidence).is_none()), "{:?}", run.checks);
    }
}
