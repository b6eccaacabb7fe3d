//! A judged rehearsal, made by hand, for the tests of the output.

use std::time::Duration;

use super::record::{Close, Ended, Outcome};
use super::verdict::samples::{good, request, terms};
use super::verdict::{Facts, conclude, judge};
use super::{Expected, Fitted, LoadPlan, Program, Ready, Rehearsal, Scenario, StopPlan, StopSignal, Target};

/// Two runs, the second of which lost one request.
pub fn rehearsal() -> Rehearsal {
    let mut bad = good();
    bad.traffic.requests.push(request(1_400_000, Outcome::Unanswered { close: Close::Reset }));
    let facts = |tail: &[&str]| Facts {
        signal_after_load_ms: 1000.0,
        output_tail: tail.iter().map(|line| (*line).to_owned()).collect(),
    };
    let runs = [(good(), facts(&[])), (bad, facts(&["stopping"]))];
    conclude(runs.into_iter().map(|(record, facts)| (judge(&record, &terms()), facts)).collect())
}

/// The scenario of [`rehearsal`].
pub fn scenario() -> Scenario {
    Scenario {
        program: Program::Command(vec!["./service".into(), "--port=1".into()]),
        ready: Ready::Port(Target { host: "127.0.0.1".into(), port: 1 }),
        ready_limit: Duration::from_secs(30),
        require_readiness: false,
        allow_status: Vec::new(),
        strict: false,
        load: LoadPlan {
            shapes: Vec::new(),
            request_limit: Duration::from_secs(20),
            connect_limit: Duration::from_secs(5),
            bound: 1000,
            fitted: Fitted::default(),
            phases: false,
        },
        stop: StopPlan {
            signal: StopSignal::TERM,
            grace: Duration::from_secs(30),
            expected: vec![Expected(Ended::Code(0))],
            warmup: Duration::from_secs(1),
            window: Duration::from_secs(1),
        },
        database: None,
        repeat: 2,
        janitor: None,
        seed: 7,
    }
}
