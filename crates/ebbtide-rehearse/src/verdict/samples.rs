//! Hand-written records and a judged rehearsal, for the tests of the verdict and of the output.

use std::net::SocketAddr;
use std::time::Duration;

#[cfg(test)]
use proptest::prelude::*;

#[cfg(test)]
use super::{Check, CheckId};
use super::{Facts, RehearsalVerdict, Terms, conclude, judge};
use crate::clock::At;
#[cfg(test)]
use crate::record::Progress;
use crate::record::{Answer, Close, Ended, Framing, Outcome, Record, Request, Shape, SignalState, Traffic};
use crate::scenario::{
    Expected, Fitted, LoadPlan, Program, Ready, RequestTemplate, Scenario, StopAt, StopPlan, StopSignal,
    Target,
};

#[cfg(test)]
/// Any request that a client can write down.
pub(crate) fn any_request() -> impl Strategy<Value = Request> {
    let close = prop_oneof![Just(Close::Reset), Just(Close::Eof)];
    let outcome = (0..12_u8, close, 200..600_u16).prop_map(|(kind, close, status)| match kind {
        0 | 1 => Outcome::Answered { status },
        2 => Outcome::Refused,
        3 => Outcome::ConnectTimeout,
        4 => Outcome::ClosedBeforeSend { close },
        5 => Outcome::Unanswered { close },
        6 => Outcome::CutInHead { close },
        7 => Outcome::CutInBody { close },
        8 => Outcome::Malformed,
        9 => Outcome::NoCloseFrame { close },
        10 => Outcome::CloseFrame { code: Some(800 + status), echoed: status % 2 == 0 },
        _ => Outcome::TimedOut,
    });
    let shape = prop::sample::select(Shape::ALL.as_slice());
    (outcome, shape, any::<bool>(), 0..5_000_u64, 0..5_000_u64).prop_map(
        |(outcome, shape, fresh, begun, took)| Request {
            shape,
            fresh,
            connected: (!matches!(outcome, Outcome::Refused | Outcome::ConnectTimeout)).then_some(At(begun)),
            ended: At(begun + took),
            progress: fresh.then_some(Progress { done: begun, of: begun + took }),
            ..request(begun, outcome)
        },
    )
}

/// A storm request that began at `begun` microseconds and took one millisecond.
pub(crate) fn request(begun: u64, outcome: Outcome) -> Request {
    Request {
        id: begun,
        shape: Shape::Storm,
        phase: None,
        to: SocketAddr::from(([127, 0, 0, 1], 80)).into(),
        route: "GET /".into(),
        fresh: true,
        opened: At(begun),
        due: At(begun),
        begun: At(begun),
        connected: (outcome != Outcome::Refused).then_some(At(begun)),
        silent_ms: None,
        sent: true,
        ended: At(begun + 1000),
        outcome,
        answer: answer_of(outcome),
        progress: None,
        order: None,
    }
}

/// What an answer of two bytes with a length looks like.
fn answer_of(outcome: Outcome) -> Option<Answer> {
    let answer = Answer {
        length: 2,
        digest: 7,
        framing: Framing::Length,
        location: None,
        content_type: None,
        keeps: true,
        open_event: false,
        event_stream: None,
        grpc: false,
        grpc_status: None,
        open_grpc: false,
        no_number: false,
    };
    matches!(outcome, Outcome::Answered { .. }).then_some(answer)
}

/// The time of the signal in [`good`].
pub(crate) const SIGNALLED: u64 = 1_000_000;

/// A run without a loss: answered across the signal at 1 s, refused from 1.5 s on, exited at 1.6 s with code 0.
pub(crate) fn good() -> Record {
    let answered = |begun| request(begun, Outcome::Answered { status: 200 });
    Record {
        signalled: At(SIGNALLED),
        exit: Some((At(1_600_000), Ended::Code(0))),
        signal_state: Some(SignalState { caught: true, blocked: false, ignored: false, pid_one: false }),
        traffic: Traffic {
            requests: vec![
                answered(900_000),
                answered(999_500),
                answered(1_200_000),
                request(1_500_000, Outcome::Refused),
            ],
            ..Traffic::default()
        },
        ..Record::default()
    }
}

/// Terms of a storm that should end with code 0 within 30 s.
pub(crate) fn terms() -> Terms {
    Terms {
        signal: StopSignal::TERM,
        grace: Duration::from_secs(30),
        expected: vec![Expected(Ended::Code(0))],
        require_readiness: false,
        readiness: None,
        liveness: None,
        state_page: None,
        allow_status: Vec::new(),
        expect_status: Vec::new(),
        shapes: vec![Shape::Storm],
        phases: false,
        store: false,
        at: StopAt::Load,
        min_lame_duck: Duration::ZERO,
        then: None,
        to_all: false,
        in_container: false,
    }
}

#[cfg(test)]
/// What check `id` finds in `record`.
pub(crate) fn found(id: CheckId, record: &Record, terms: &Terms) -> Check {
    judge(record, terms).checks.into_iter().find(|check| check.id == id).unwrap()
}

/// The servers that stop gracefully by a signal of their own, and its name.
pub fn graceful_signals() -> Vec<(&'static str, String)> {
    super::servers::graceful_signals()
}

/// What a verdict says of each way in which a request counts against a service.
pub fn losses() -> Vec<String> {
    super::fate::Reason::all().map(super::fate::Reason::text).collect()
}

/// The record of a run with `count` requests at a steady rate, of which one in 97 after the signal is lost, and its terms.
pub fn busy(count: u64) -> (Record, Terms) {
    let mut record = good();
    // From 0 s to 1.5 s, and refused from there on.
    record.traffic.requests = (0..count)
        .map(|number| {
            let begun = number.saturating_mul(1_590_000) / count.max(1);
            let outcome = match (begun, number % 97) {
                (1_500_000.., _) => Outcome::Refused,
                (SIGNALLED.., 0) => Outcome::Unanswered { close: Close::Reset },
                _ => Outcome::Answered { status: 200 },
            };
            let took = 300 + (number.wrapping_mul(2_654_435_761) >> 7) % 9_000;
            Request { id: number + 1, ended: At(begun + took), ..request(begun, outcome) }
        })
        .collect();
    (record, terms())
}

/// Two runs, the second of which lost one request.
pub fn rehearsal() -> RehearsalVerdict {
    let mut bad = good();
    bad.traffic.requests.push(request(1_400_000, Outcome::Unanswered { close: Close::Reset }));
    let facts = |tail: &[&str]| Facts {
        signal_after_load_ms: 1000.0,
        report: Some(serde_json::json!({ "schema": 2, "exit_code": 0 })),
        output_tail: tail.iter().map(|line| (*line).to_owned()).collect(),
        ..Facts::default()
    };
    let runs = [(good(), facts(&[])), (bad, facts(&["stopping"]))];
    conclude(runs.into_iter().map(|(record, facts)| (judge(&record, &terms()), facts)).collect())
}

/// The scenario of [`rehearsal`].
pub fn scenario() -> Scenario {
    Scenario {
        program: Program::Command(vec!["./service".into(), "--port=1".into()]),
        env: Vec::new(),
        folder: None,
        pid_one: false,
        ready: Ready::Port(Target::tcp("127.0.0.1", 1)),
        ready_limit: Duration::from_secs(30),
        liveness: None,
        require_readiness: false,
        allow_status: Vec::new(),
        expect_status: Vec::new(),
        strict: false,
        template: RequestTemplate::default(),
        load: LoadPlan {
            shapes: Vec::new(),
            request_limit: Duration::from_secs(20),
            connect_limit: Duration::from_secs(5),
            bound: 1000,
            fitted: Fitted::default(),
            phases: false,
            posts: false,
        },
        stop: StopPlan {
            signal: StopSignal::TERM,
            grace: Duration::from_secs(30),
            expected: vec![Expected(Ended::Code(0))],
            warmup: Duration::from_secs(1),
            window: Duration::from_secs(1),
            ..StopPlan::default()
        },
        via: Vec::new(),
        database: None,
        report: None,
        repeat: 2,
        until_failure: false,
        janitor: None,
        seed: 7,
    }
}
