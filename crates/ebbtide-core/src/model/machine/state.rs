use std::time::Duration;

use super::slots::{Slot, Slots};
use super::{Effect, End, Event, Progress};
use crate::model::ComponentState as Status;
use crate::model::{Cause, ComponentId, Exit, Kind, Outcome, Phase, PhaseChange, Plan, Spec, Stage};

/// The state of one lifecycle. It has no clock: every step receives the present time.
#[derive(Clone, Debug)]
pub struct Machine {
    pub(super) plan: Plan,
    pub(super) phase: Phase,
    pub(super) slots: Slots,
    pub(super) stop: Option<OngoingStop>,
    /// The present stage. Every stage up to it has been asked, except that sequential stages ask one component at a time.
    pub(super) cursor: Stage,
    timeline: Vec<PhaseChange>,
    exit: Option<Exit>,
}

/// A shutdown that has begun.
#[derive(Clone, Debug)]
pub(super) struct OngoingStop {
    pub(super) cause: Cause,
    pub(super) at: Duration,
    pub(super) skip_lame_duck: bool,
    pub(super) last_arrival: Duration,
    /// When the first signal came. A shutdown may begin without one.
    first_signal: Option<Duration>,
}

impl Machine {
    /// Creates the state of a lifecycle at instant zero, in [`Phase::Starting`].
    pub fn new(plan: Plan) -> Self {
        let begin = PhaseChange { phase: Phase::Starting, at: Duration::ZERO };
        Self {
            plan,
            phase: Phase::Starting,
            slots: Slots::default(),
            stop: None,
            cursor: Stage::Servers,
            timeline: vec![begin],
            exit: None,
        }
    }

    /// Processes an event and returns the effects to carry out. `now` must never go back.
    pub fn step(&mut self, event: Event, now: Duration) -> Vec<Effect> {
        let mut effects = Vec::new();
        if self.exit.is_some() {
            return effects;
        }
        match event {
            Event::Registered(spec) => self.slots.register(spec),
            Event::Ended(id, end) => self.ended(id, end, now, &mut effects),
            Event::Signal { number, skip_lame_duck, at } => {
                self.signalled((number, at.min(now)), skip_lame_duck, now, &mut effects);
            }
            Event::Stop { cause, at } => self.begin((cause, at.min(now)), false, now, &mut effects),
            Event::Arrival => {
                if let Some(stop) = &mut self.stop {
                    stop.last_arrival = now;
                }
            }
            Event::Tick => {}
        }
        self.advance(now, &mut effects);
        effects
    }

    /// Returns the present phase.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Returns the plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Returns why the shutdown began; `None` before it begins.
    pub fn cause(&self) -> Option<&Cause> {
        self.stop.as_ref().map(|stop| &stop.cause)
    }

    /// Returns when the shutdown began; `None` before it begins.
    pub fn stop_began(&self) -> Option<Duration> {
        self.stop.as_ref().map(|stop| stop.at)
    }

    /// Returns whether a signal has come: the one that began the shutdown, or one after it began for another cause.
    pub fn was_signalled(&self) -> bool {
        self.stop.as_ref().is_some_and(|stop| stop.first_signal.is_some())
    }

    /// Returns how the lifecycle ended; `None` before it has exited.
    pub fn exit(&self) -> Option<Exit> {
        self.exit
    }

    /// Returns the exit if every component that has not ended drains.
    pub fn verdict(&self) -> Exit {
        let outcomes = self.slots.iter().filter_map(|(_, slot)| slot.outcome.as_ref());
        self.exit.unwrap_or_else(|| Exit::judge(self.cause(), outcomes))
    }

    /// Returns when each phase began.
    pub fn timeline(&self) -> &[PhaseChange] {
        &self.timeline
    }

    /// Returns a component; `None` if it was never registered, or ended by itself and was only counted.
    pub fn component(&self, id: ComponentId) -> Option<&Spec> {
        self.slots.get(id).map(|slot| &slot.spec)
    }

    /// Returns how a component ended; `None` before its end, and for a component that was only counted.
    pub fn outcome(&self, id: ComponentId) -> Option<&Outcome> {
        self.slots.get(id).and_then(|slot| slot.outcome.as_ref())
    }

    /// Returns whether a component of the stage has not ended.
    pub fn is_open(&self, stage: Stage) -> bool {
        self.slots.is_open(stage)
    }

    /// Returns how many components that may end by themselves did so without an error before they were asked: they are counted
    /// and not kept.
    pub fn ended_by_themselves(&self) -> u64 {
        self.slots.folded()
    }

    /// Returns each component that is kept with its outcome, in the order of registration.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = (ComponentId, &Spec, Option<&Outcome>)> {
        self.slots.iter().map(|(id, slot)| (id, &slot.spec, slot.outcome.as_ref()))
    }

    /// Returns each component that is kept with its state, in the order of registration.
    pub fn states(&self) -> impl Iterator<Item = (ComponentId, &Spec, Status)> {
        self.slots.iter().map(|(id, slot)| (id, &slot.spec, slot.status))
    }

    /// Returns the components that have not ended.
    pub fn waiting(&self) -> Vec<Progress> {
        let waiting = |(id, slot): (ComponentId, &Slot)| Progress {
            id,
            name: slot.spec.name.clone(),
            stage: slot.spec.stage,
            asked: slot.status > Status::Running,
            give_up: slot.schedule.map(|schedule| schedule.give_up),
        };
        self.slots.iter().filter(|(_, slot)| !slot.is_over()).map(waiting).collect()
    }

    fn ended(&mut self, id: ComponentId, end: End, now: Duration, effects: &mut Vec<Effect>) {
        let Some(slot) = self.slots.get(id) else { return };
        if slot.is_over() {
            return;
        }
        let (status, kind, component) = (slot.status, slot.spec.kind, slot.spec.name.clone());
        let (unasked, kept_open) = (status == Status::Running, slot.is_kept_open());
        let (outcome, cause) = match end {
            End::Failed(error) if kind == Kind::StartUp => {
                (Outcome::Failed { error: error.clone() }, Some(Cause::StartUpFailed { error }))
            }
            End::Panicked(message) if kind == Kind::StartUp => {
                let error = format!("panicked: {message}");
                (Outcome::Panicked { message }, Some(Cause::StartUpFailed { error }))
            }
            End::Failed(error) => {
                (Outcome::Failed { error: error.clone() }, Some(Cause::Failed { component, error }))
            }
            End::Panicked(message) => {
                (Outcome::Panicked { message: message.clone() }, Some(Cause::Panicked { component, message }))
            }
            End::Done { .. } | End::Aborted
                if unasked && matches!(kind, Kind::Service | Kind::Pool | Kind::Probe) =>
            {
                let error = "ended before it was asked to stop".to_owned();
                (Outcome::Failed { error }, Some(Cause::Ended { component }))
            }
            // A pool that was kept open until its deadline only for other components had no work left.
            End::Done { cancelled: 0 } if status < Status::Cancelled || kept_open => (Outcome::Drained, None),
            // A start-up that ends because of the shutdown is not a cancellation: the shutdown is meant to abandon it.
            End::Done { .. } | End::Aborted if kind == Kind::StartUp => (Outcome::Drained, None),
            End::Done { .. } | End::Aborted => (Outcome::Cancelled, None),
        };
        self.slots.end(id, outcome);
        match cause {
            Some(cause) => self.begin((cause, now), false, now, effects),
            None if kind == Kind::StartUp && self.phase == Phase::Starting && self.stop.is_none() => {
                self.enter(Phase::Ready, now, effects);
            }
            None => {}
        }
    }

    fn signalled(
        &mut self,
        (number, at): (i32, Duration),
        skip: bool,
        now: Duration,
        effects: &mut Vec<Effect>,
    ) {
        match &mut self.stop {
            None => {
                self.begin((Cause::Signal { number }, at), skip, now, effects);
                if let Some(stop) = &mut self.stop {
                    stop.first_signal = Some(at);
                }
            }
            // After a shutdown that began without a signal, the platform's first signal is not a second one.
            Some(stop) if stop.first_signal.is_none() => {
                stop.first_signal = Some(at);
                stop.skip_lame_duck |= skip;
            }
            Some(stop) => {
                let after = at.saturating_sub(stop.first_signal.unwrap_or(at));
                if !self.plan.is_second_signal(after) {
                    effects.push(Effect::IgnoreSignal { number, after });
                    return;
                }
                self.exit = Some(Exit::Signalled(number));
                self.enter(Phase::Exited, now, effects);
                effects.push(Effect::EndNow { number });
            }
        }
    }

    /// Begins the shutdown, which counts from `at` on.
    fn begin(
        &mut self,
        (cause, at): (Cause, Duration),
        skip_lame_duck: bool,
        now: Duration,
        effects: &mut Vec<Effect>,
    ) {
        if self.stop.is_some() {
            return;
        }
        let deadline = at.saturating_add(self.plan.deadline);
        effects.push(Effect::Announce { cause: cause.clone(), deadline });
        let was_ready = self.phase == Phase::Ready;
        self.stop = Some(OngoingStop { cause, at, skip_lame_duck, last_arrival: now, first_signal: None });
        // A service that was never ready receives no traffic on purpose.
        self.enter(if was_ready { Phase::LameDuck } else { Phase::Draining }, now, effects);
    }

    pub(super) fn enter(&mut self, phase: Phase, now: Duration, effects: &mut Vec<Effect>) {
        debug_assert!(phase > self.phase, "phases only move forward");
        self.phase = phase;
        self.timeline.push(PhaseChange { phase, at: now });
        effects.push(Effect::Enter(phase));
    }

    pub(super) fn finish(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        let exit = self.verdict();
        self.exit = Some(exit);
        self.enter(Phase::Exited, now, effects);
        effects.push(Effect::Exit(exit));
    }
}
