use std::time::Duration;

use crate::model::{ComponentState as Status, Kind, Outcome, Spec, part};

/// What the machine knows of one component.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    pub(crate) spec: Spec,
    pub(crate) status: Status,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) schedule: Option<Schedule>,
    /// A pool was told to take nothing more.
    pub(crate) closed: bool,
}

/// When a component that was asked is cut, aborted and given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Schedule {
    pub(crate) cut: Duration,
    pub(crate) abort: Duration,
    pub(crate) give_up: Duration,
}

impl Slot {
    pub(crate) fn new(spec: Spec) -> Self {
        Self { spec, status: Status::Running, outcome: None, schedule: None, closed: false }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.status == Status::Over
    }

    /// Tells whether this is a pool that somebody may still feed. A deadline of its own says how long it takes anything.
    pub(crate) fn is_kept_open(&self) -> bool {
        self.spec.kind == Kind::Pool && !self.closed && self.spec.limit.is_none()
    }

    /// Returns when the next step of its escalation is due, while there is one.
    pub(crate) fn next_step(&self) -> Option<Duration> {
        let schedule = self.schedule?;
        match self.status {
            Status::Asked => Some(schedule.cut),
            Status::Cut => Some(schedule.abort),
            Status::Aborted => Some(schedule.give_up),
            Status::Running | Status::Over => None,
        }
    }

    pub(crate) fn end(&mut self, outcome: Outcome) {
        self.status = Status::Over;
        self.outcome = Some(outcome);
    }
}

impl Schedule {
    /// Fits the escalation between `asked` and `end`. Half of a short time stays for an orderly end; a limit of its own
    /// is when the component is cut, if that is earlier.
    pub(crate) fn between(
        asked: Duration,
        end: Duration,
        limit: Option<Duration>,
        allowance: Duration,
    ) -> Self {
        let end = end.max(asked);
        let allowance = allowance.min(part(end.saturating_sub(asked), 1, 2));
        let latest = end.saturating_sub(allowance);
        let cut = limit.map_or(latest, |limit| latest.min(asked.saturating_add(limit)));
        let abort = cut.saturating_add(part(allowance, 1, 2));
        Self { cut, abort, give_up: cut.saturating_add(allowance) }
    }
}
