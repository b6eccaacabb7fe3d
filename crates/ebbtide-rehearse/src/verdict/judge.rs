//! The judgement of one run: what was asked of the service, and every check of what was seen.

use std::time::Duration;

use serde::Serialize;

use super::case::Case;
use super::checks::{
    dependencies, exit_code, lame_duck, listener, liveness, process, requests, routes, signals, stores,
};
use super::counts::summaries;
use super::executed::Executed;
use super::notes::notes;
use super::routes::routes;
use super::servers::advise;
use super::{Check, CheckId, Counts, Finding, RouteSummary, ShapeSummary, Timeline, Verdict};
use crate::record::{Ended, Endpoint, Record, Shape};
use crate::scenario::{Expected, SecondSignal, StopAt, StopSignal};

/// The judgement of one run.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct RunVerdict {
    /// The verdict of its checks.
    pub verdict: Verdict,
    /// The state of the service in which the stop began.
    pub stop_at: StopAt,
    /// How many requests the shutdown lost, truncated, let time out or answered wrongly, and how many connections it refused too early.
    pub lost_by_shutdown: u64,
    /// How many of these were lost after the second signal, if there was one.
    pub lost_after_second_signal: u64,
    /// Its requests.
    pub requests: Counts,
    /// Which of those that the shutdown left without a response the service had read, if its output has their ids.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub executed: Option<Executed>,
    /// The process's end.
    pub exit: ExitSeen,
    /// Each check.
    pub checks: Vec<Check>,
    /// Its requests by shape.
    pub shapes: Vec<ShapeSummary>,
    /// Its requests by route.
    pub routes: Vec<RouteSummary>,
    /// Remarks that are not findings.
    pub notes: Vec<String>,
    /// The timeline of the run.
    pub timeline: Timeline,
}

/// How the process ended.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
pub struct ExitSeen {
    /// Its exit code, if it exited.
    pub code: Option<i32>,
    /// The signal that ended it, if one did.
    pub signal: Option<i32>,
    /// Milliseconds from the stop signal to its end.
    pub after_ms: Option<f64>,
}

/// The terms by which a record is judged.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The stop signal that was sent.
    pub signal: StopSignal,
    /// From the signal to SIGKILL.
    pub grace: Duration,
    /// How the process may end.
    pub expected: Vec<Expected>,
    /// Whether readiness has to turn red.
    pub require_readiness: bool,
    /// Where readiness is asked for, and its path; `None`: it is a bare port.
    pub readiness: Option<(Endpoint, String)>,
    /// Where liveness is asked for, and its path, if one was given and polled.
    pub liveness: Option<(Endpoint, String)>,
    /// The address and the path of a page about the state of the service that the rehearsal chose as the route of the load: its bodies
    /// are not compared.
    pub state_page: Option<(Endpoint, String)>,
    /// Response statuses that are not a loss after the signal.
    pub allow_status: Vec<u16>,
    /// Statuses of 400 and more that a route may always answer.
    pub expect_status: Vec<u16>,
    /// The shapes of load that were on.
    pub shapes: Vec<Shape>,
    /// Whether connections were to be held in the phases of the protocol.
    pub phases: bool,
    /// Whether it is a managed service, whose store is checked.
    pub store: bool,
    /// The state of the service in which the stop began.
    pub at: StopAt,
    /// How long after the beginning of the stop a refused connection is a loss.
    pub min_lame_duck: Duration,
    /// The second signal.
    pub then: Option<SecondSignal>,
    /// Whether every process of the service got the signals, and not its first one alone.
    pub to_all: bool,
    /// Whether the end of the first process ends every other one where the service is to run, but did not in this run.
    pub in_container: bool,
}

/// Judges `record` by `terms`.
pub(crate) fn judge(record: &Record, terms: &Terms) -> RunVerdict {
    Case::new(record, terms).judge()
}

impl Case<'_> {
    /// Returns the judgement of the run.
    pub(crate) fn judge(&self) -> RunVerdict {
        let shapes = summaries(self);
        let mut checks = all_checks(self, &shapes);
        advise(self, &mut checks);
        RunVerdict {
            verdict: Verdict::of(&checks),
            stop_at: self.terms.at,
            lost_by_shutdown: self.lost(),
            lost_after_second_signal: self.lost_after_second_signal(),
            requests: self.counts(),
            executed: Executed::of(self),
            exit: exit(self.record),
            checks,
            shapes,
            routes: routes(self),
            notes: notes(self),
            timeline: Timeline::of(self),
        }
    }
}

/// Runs every check over `case`; those of a store only for a service that has one.
fn all_checks(case: &Case<'_>, shapes: &[ShapeSummary]) -> Vec<Check> {
    let (record, terms) = (case.record, case.terms);
    let under_load = |id, check: &dyn Fn() -> Check| match terms.at {
        StopAt::Startup => Check::new(id, Finding::Skipped, "no load: the stop began during start-up"),
        StopAt::Idle => {
            Check::new(id, Finding::Skipped, "no load: the stop began while the service was idle")
        }
        StopAt::Load | StopAt::Random => check(),
    };
    let mut checks = vec![
        signals::signal_handled(case),
        under_load(CheckId::RoutesServed, &|| routes::routes_served(case)),
        under_load(CheckId::RequestsAnswered, &|| requests::requests_answered(case, shapes)),
        under_load(CheckId::PhasesServed, &|| requests::phases_served(case)),
        under_load(CheckId::ReadinessBeforeClose, &|| listener::readiness_before_close(case)),
        liveness::liveness_stays_green(case),
        under_load(CheckId::RefusalsClean, &|| listener::refusals_clean(case)),
    ];
    if !terms.min_lame_duck.is_zero() {
        checks.push(under_load(CheckId::LameDuckServed, &|| lame_duck::lame_duck_served(case)));
    }
    if let Some(then) = &terms.then {
        checks.push(signals::second_signal(case, then));
    }
    checks.extend([
        process::exit_in_time(case),
        exit_code::exit_code(record, terms),
        process::no_kill(record),
        process::no_orphans(record),
        stores::no_leaked_connections(record),
        stores::database_clean(record),
    ]);
    if !record.relayed.is_empty() {
        checks.push(dependencies::dependencies_closed(record));
    }
    if terms.store {
        checks.push(under_load(CheckId::OrdersProcessed, &|| stores::orders_processed(record)));
        checks.push(under_load(CheckId::JobsReturned, &|| stores::jobs_returned(record)));
        checks.push(under_load(CheckId::LastLogLine, &|| stores::last_log_line(record)));
    }
    checks
}

fn exit(record: &Record) -> ExitSeen {
    let Some((at, ended)) = record.exit else { return ExitSeen::default() };
    let after_ms = Some((at.ms_from(record.signalled) * 1000.0).round() / 1000.0);
    match ended {
        Ended::Code(code) => ExitSeen { code: Some(code), signal: None, after_ms },
        Ended::Signal(signal) => ExitSeen { code: None, signal: Some(signal), after_ms },
        Ended::NotObserved => ExitSeen { code: None, signal: None, after_ms },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{DependencyProtocol, RelayedDependency};
    use crate::verdict::samples::{good, terms};

    #[test]
    fn the_list_of_checks_has_each_check_of_a_judgement() {
        let then = Some(SecondSignal { signal: StopSignal::INT, after: SecondSignal::USUAL });
        let min_lame_duck = Duration::from_millis(1);
        let protocol = DependencyProtocol::Redis;
        let relayed = vec![RelayedDependency {
            name: "redis".into(),
            protocol,
            unreachable: 0,
            earlier: 0,
            connections: Vec::new(),
            owners: Vec::new(),
        }];
        let judged =
            judge(&Record { relayed, ..good() }, &Terms { store: true, then, min_lame_duck, ..terms() });
        assert_eq!(judged.checks.iter().map(|check| check.id).collect::<Vec<_>>(), CheckId::ALL);
    }
}
