use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::Effect;
use crate::model::ComponentState as Status;
use crate::model::{ComponentId, Kind, Outcome, Spec, Stage, part};

/// The components, with indexes over those that have not ended: the cost of a step depends on what it changes, not on how many
/// components there are.
///
/// A component that may end by itself and did so without an error, before it was asked, is *folded*: it is only counted.
#[derive(Clone, Debug, Default)]
pub(super) struct Slots {
    kept: BTreeMap<ComponentId, Slot>,
    registered: usize,
    folded: u64,
    stages: BTreeMap<Stage, Members>,
    /// The components up to the workers' stage that have not ended: pools, and the components that may send to them.
    feeding: BTreeSet<ComponentId>,
    /// When the next step of the escalation is due, for every component that was asked.
    due: BTreeSet<(Duration, ComponentId)>,
}

/// The components of one stage.
#[derive(Clone, Debug, Default)]
struct Members {
    kept: usize,
    /// The components that were not asked. A sequential stage asks them from the last to the first.
    running: BTreeSet<(Turn, ComponentId)>,
    asked: usize,
}

/// The order within the last stage: the lowest stops last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    Last,
    Probe,
    First,
}

impl Slots {
    pub(super) fn register(&mut self, spec: Spec) {
        let id = ComponentId(self.registered);
        self.registered = self.registered.saturating_add(1);
        let members = self.stages.entry(spec.stage).or_default();
        members.kept = members.kept.saturating_add(1);
        members.running.insert((Turn::of(spec.kind), id));
        if spec.stage <= Stage::Workers {
            self.feeding.insert(id);
        }
        self.kept.insert(id, Slot::new(spec));
    }

    /// Returns a component, unless it was folded or never registered.
    pub(super) fn get(&self, id: ComponentId) -> Option<&Slot> {
        self.kept.get(&id)
    }

    /// Returns each component except the folded ones, in the order of registration.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (ComponentId, &Slot)> {
        self.kept.iter().map(|(id, slot)| (*id, slot))
    }

    /// Returns the number of folded components.
    pub(super) fn folded(&self) -> u64 {
        self.folded
    }

    /// Returns whether a component of the stage has not ended.
    pub(super) fn is_open(&self, stage: Stage) -> bool {
        self.stages.get(&stage).is_some_and(|members| members.asked > 0 || !members.running.is_empty())
    }

    /// Returns whether a component of the stages up to `stage` was asked and has not ended.
    pub(super) fn is_asked_up_to(&self, stage: Stage) -> bool {
        self.stages.range(..=stage).any(|(_, members)| members.asked > 0)
    }

    /// Returns the components of a stage that were not asked.
    pub(super) fn running(&self, stage: Stage) -> impl Iterator<Item = ComponentId> {
        self.stages.get(&stage).into_iter().flat_map(|members| members.running.iter().map(|(_, id)| *id))
    }

    /// Returns the component that a sequential stage asks next: the last registered of the earliest stage up to `stage`.
    pub(super) fn next_sequential(&self, stage: Stage) -> Option<ComponentId> {
        let next = self.stages.range(..=stage).find_map(|(_, members)| members.running.last());
        next.map(|(_, id)| *id)
    }

    /// Returns how many components of a stage were not asked, and how many it has in all.
    pub(super) fn unasked_and_total(&self, stage: Stage) -> (usize, usize) {
        self.stages.get(&stage).map_or((0, 0), |members| (members.running.len(), members.kept))
    }

    pub(super) fn ask(&mut self, id: ComponentId, schedule: Schedule) {
        let Some(slot) = self.kept.get_mut(&id).filter(|slot| slot.status == Status::Running) else { return };
        slot.status = Status::Asked;
        slot.schedule = Some(schedule);
        self.due.insert((schedule.cancel, id));
        let members = self.stages.entry(slot.spec.stage).or_default();
        members.running.remove(&(Turn::of(slot.spec.kind), id));
        members.asked = members.asked.saturating_add(1);
    }

    /// Closes the last pool that was asked and that no running component can send to. A sender holds the pool's handle, so it was
    /// registered after the pool.
    pub(super) fn close(&mut self) -> Option<ComponentId> {
        let id = *self.feeding.last()?;
        let slot = self.kept.get_mut(&id)?;
        let closes = slot.spec.kind == Kind::Pool && slot.status == Status::Asked && !slot.closed;
        closes.then(|| {
            slot.closed = true;
            id
        })
    }

    /// Returns when the next step of an escalation is due.
    pub(super) fn next_due(&self) -> Option<Duration> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Takes one step of the escalation that is due at `now`. A component that is given up counts as ended.
    pub(super) fn escalate(&mut self, now: Duration) -> Option<Effect> {
        let (at, id) = *self.due.first()?;
        if at > now {
            return None;
        }
        self.due.pop_first();
        let slot = self.kept.get_mut(&id)?;
        let effect = match slot.status {
            Status::Asked => {
                slot.status = Status::Cancelled;
                Effect::Cancel(id)
            }
            Status::Cancelled => {
                slot.status = Status::Aborted;
                Effect::Abort(id)
            }
            Status::Running | Status::Aborted | Status::Over => {
                self.end(id, Outcome::Stuck);
                return Some(Effect::GiveUp(id));
            }
        };
        self.due.extend(slot.next_step().map(|at| (at, id)));
        Some(effect)
    }

    /// Records the outcome of a component. A component that has ended keeps its first outcome.
    pub(super) fn end(&mut self, id: ComponentId, outcome: Outcome) {
        let Some(slot) = self.kept.get_mut(&id).filter(|slot| !slot.is_over()) else { return };
        let members = self.stages.entry(slot.spec.stage).or_default();
        if slot.status == Status::Running {
            members.running.remove(&(Turn::of(slot.spec.kind), id));
        } else {
            members.asked = members.asked.saturating_sub(1);
        }
        let folds =
            slot.status == Status::Running && slot.spec.kind == Kind::Finite && outcome == Outcome::Drained;
        if let Some(at) = slot.next_step() {
            self.due.remove(&(at, id));
        }
        self.feeding.remove(&id);
        slot.end(outcome);
        if folds {
            members.kept = members.kept.saturating_sub(1);
            self.folded = self.folded.saturating_add(1);
            self.kept.remove(&id);
        }
    }
}

/// The machine's state of one component.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) spec: Spec,
    pub(super) status: Status,
    pub(super) outcome: Option<Outcome>,
    pub(super) schedule: Option<Schedule>,
    /// Whether a pool was closed: it takes nothing new.
    pub(super) closed: bool,
}

/// When a component that was asked is cancelled, aborted and given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Schedule {
    pub(super) cancel: Duration,
    pub(super) abort: Duration,
    pub(super) give_up: Duration,
}

impl Slot {
    pub(super) fn new(spec: Spec) -> Self {
        Self { spec, status: Status::Running, outcome: None, schedule: None, closed: false }
    }

    pub(super) fn is_over(&self) -> bool {
        self.status == Status::Over
    }

    /// Returns whether this is a pool that is open because another component may send to it. A pool with a per-component deadline
    /// is not: the deadline bounds how long it takes work.
    pub(super) fn is_kept_open(&self) -> bool {
        self.spec.kind == Kind::Pool && !self.closed && self.spec.limit.is_none()
    }

    /// Returns when the next step of its escalation is due, if there is one.
    pub(super) fn next_step(&self) -> Option<Duration> {
        let schedule = self.schedule?;
        match self.status {
            Status::Asked => Some(schedule.cancel),
            Status::Cancelled => Some(schedule.abort),
            Status::Aborted => Some(schedule.give_up),
            Status::Running | Status::Over => None,
        }
    }

    pub(super) fn end(&mut self, outcome: Outcome) {
        self.status = Status::Over;
        self.outcome = Some(outcome);
    }
}

impl Schedule {
    /// Fits the escalation between `asked` and `end`. At least half of that time is left for an orderly end. The component is
    /// cancelled at its per-component deadline if that is earlier.
    pub(super) fn between(
        asked: Duration,
        end: Duration,
        limit: Option<Duration>,
        allowance: Duration,
    ) -> Self {
        let end = end.max(asked);
        let allowance = allowance.min(part(end.saturating_sub(asked), 1, 2));
        let latest = end.saturating_sub(allowance);
        let cancel = limit.map_or(latest, |limit| latest.min(asked.saturating_add(limit)));
        let abort = cancel.saturating_add(part(allowance, 1, 2));
        Self { cancel, abort, give_up: cancel.saturating_add(allowance) }
    }
}

impl Turn {
    fn of(kind: Kind) -> Self {
        match kind {
            Kind::Last => Self::Last,
            Kind::Probe => Self::Probe,
            Kind::StartUp | Kind::Service | Kind::Pool | Kind::Finite | Kind::Teardown => Self::First,
        }
    }
}
