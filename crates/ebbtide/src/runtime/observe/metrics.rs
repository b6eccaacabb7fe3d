use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};

use crate::model::{Phase, Spec, Stage};
use crate::runtime::LifecycleLedger;
use crate::runtime::guarded_work::GuardedWork;

/// Records the metrics that `docs/metrics.md` lists, through the `metrics` facade: once a second, ten times a second during a
/// shutdown, and at each change of the phase.
#[derive(Default)]
pub(super) struct Metrics {
    phase: Option<Phase>,
    next: Option<Duration>,
}

const EVERY: Duration = Duration::from_secs(1);
const SHUTDOWN_INTERVAL: Duration = Duration::from_millis(100);

impl Metrics {
    pub(super) fn look(&mut self, ledger: &LifecycleLedger, now: Duration) {
        let phase = ledger.phase();
        if self.phase == Some(phase) && self.next.is_some_and(|at| now < at) {
            return;
        }
        if self.phase != Some(phase) {
            // Registered again at each phase, because a recorder may be installed while the service starts.
            describe();
        }
        self.phase = Some(phase);
        let every = if phase.is_stopping() { SHUTDOWN_INTERVAL } else { EVERY };
        self.next = Some(now.saturating_add(every));
        record(ledger);
    }

    pub(super) fn due(&self) -> Option<Duration> {
        self.next
    }
}

fn describe() {
    describe_gauge!("ebbtide_phase", "1 for the current phase, 0 for the others");
    describe_gauge!("ebbtide_in_flight", "Work in flight in a component");
    describe_counter!("ebbtide_finished_total", "Work finished by a component");
    describe_counter!("ebbtide_cancelled_total", "Work cancelled before it finished");
    describe_counter!("ebbtide_requeued_total", "Jobs requeued");
    describe_counter!("ebbtide_unsettled_total", "Jobs whose outcome could not be reported to their queue");
    describe_counter!(
        "ebbtide_redelivered_total",
        "Jobs whose lease or connection ended before they were settled, so that they run again"
    );
    describe_gauge!("ebbtide_stop_seconds", Unit::Seconds, "Time since the shutdown began");
    describe_gauge!("ebbtide_time_left_seconds", Unit::Seconds, "Time left until the shutdown deadline");
}

/// Records the current counts.
pub(super) fn record(ledger: &LifecycleLedger) {
    let (lifecycle, present, counting) = (ledger.name().to_owned(), ledger.phase(), ledger.counting());
    for phase in Phase::ALL {
        let is_it = if phase == present { 1.0 } else { 0.0 };
        gauge!("ebbtide_phase", "lifecycle" => lifecycle.clone(), "phase" => phase.name()).set(is_it);
    }
    for ((component, stage), tally) in tallies(&counting) {
        let labels = [
            ("lifecycle", lifecycle.clone()),
            ("component", component.to_owned()),
            ("stage", stage.name().to_owned()),
        ];
        #[expect(
            clippy::cast_precision_loss,
            reason = "gauges are floating-point numbers; 2^53 pieces of work are not in flight"
        )]
        gauge!("ebbtide_in_flight", &labels).set(tally.in_flight as f64);
        counter!("ebbtide_finished_total", &labels).absolute(tally.finished);
        counter!("ebbtide_cancelled_total", &labels).absolute(tally.cancelled);
        counter!("ebbtide_requeued_total", &labels).absolute(tally.requeued);
        counter!("ebbtide_unsettled_total", &labels).absolute(tally.unsettled);
        counter!("ebbtide_redelivered_total", &labels).absolute(tally.redelivered);
    }
    if let Some(stop) = ledger.stop_snapshot() {
        gauge!("ebbtide_stop_seconds", "lifecycle" => lifecycle.clone()).set(stop.elapsed.as_secs_f64());
        gauge!("ebbtide_time_left_seconds", "lifecycle" => lifecycle).set(stop.left.as_secs_f64());
    }
}

/// The counts of all components with the same name and stage, because they share their labels.
#[derive(Default)]
struct Tally {
    in_flight: u64,
    finished: u64,
    cancelled: u64,
    requeued: u64,
    unsettled: u64,
    redelivered: u64,
}

/// Sums the counts of components that count work. Other components have no series, because their names may differ between
/// processes, for example the name of a temporary file.
fn tallies(counting: &[(Spec, Arc<GuardedWork>)]) -> BTreeMap<(&str, Stage), Tally> {
    let mut tallies = BTreeMap::<_, Tally>::new();
    for (spec, work) in counting {
        let counts = work.counts();
        let tally = tallies.entry((spec.name.as_str(), spec.stage)).or_default();
        tally.in_flight += counts.in_flight;
        tally.finished += counts.finished;
        tally.cancelled += counts.cancelled;
        tally.requeued += count(work.requeued_ids().len());
        tally.unsettled += count(work.unsettled().len());
        tally.redelivered += counts.redelivered;
    }
    tallies
}

fn count(jobs: usize) -> u64 {
    u64::try_from(jobs).unwrap_or(u64::MAX)
}
