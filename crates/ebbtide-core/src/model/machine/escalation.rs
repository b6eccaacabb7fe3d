//! The timed steps of a shutdown: the end of the lame duck, the order of the stages, ask → cancel → abort → give up, and the
//! order in which pools close.

use std::time::Duration;

use super::slots::Schedule;
use super::state::OngoingStop;
use super::{Effect, Machine};
use crate::model::{ComponentId, Phase, Spec, Stage, part};

impl Machine {
    /// Takes every step that is due at `now`, and requests a wake-up for the next one.
    pub(super) fn advance(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        let Some(stop) = self.stop.clone() else { return };
        if self.exit().is_some() {
            return;
        }
        // Every iteration but the last asks a component or enters the next stage, so the loop terminates.
        loop {
            effects.extend(std::iter::from_fn(|| self.slots.escalate(now)));
            if self.phase == Phase::LameDuck && now >= self.lame_duck_end(&stop) {
                self.enter(Phase::Draining, now, effects);
            }
            let asked = self.ask(&stop, now, effects);
            effects.extend(self.slots.close().map(Effect::Close));
            if !asked && !self.next_stage(now, effects) {
                break;
            }
        }
        if self.exit().is_none()
            && let Some(wake) = self.next_wake(&stop)
        {
            effects.push(Effect::Wake(wake));
        }
    }

    /// Returns when the lame duck ends if no more requests arrive. It ends at once if no server is running.
    fn lame_duck_end(&self, stop: &OngoingStop) -> Duration {
        if stop.skip_lame_duck || !self.slots.is_open(Stage::Servers) {
            return stop.at;
        }
        let duck = self.plan.lame_duck;
        let least = stop.at.saturating_add(duck.min).max(stop.last_arrival.saturating_add(duck.quiet));
        least.min(stop.at.saturating_add(duck.max))
    }

    /// Asks every component that is due to stop; returns whether there was one.
    fn ask(&mut self, stop: &OngoingStop, now: Duration, effects: &mut Vec<Effect>) -> bool {
        let due = if self.cursor.is_sequential() { self.due_sequentially() } else { self.due_together() };
        for id in &due {
            let Some(spec) = self.slots.get(*id).map(|slot| &slot.spec) else { continue };
            let end = self.end_of(spec, stop);
            let schedule = Schedule::between(now, end, spec.limit, self.plan.cancel_allowance);
            self.slots.ask(*id, schedule);
            effects.push(Effect::Ask { id: *id, cancel_at: schedule.cancel });
        }
        !due.is_empty()
    }

    /// Returns the components to ask in all stages that have begun, in the order of registration.
    fn due_together(&self) -> Vec<ComponentId> {
        let has_begun = |stage: &Stage| match stage {
            Stage::Intake => true,
            Stage::Servers => self.phase >= Phase::Draining,
            stage => *stage <= self.cursor,
        };
        let begun = Stage::ALL.into_iter().filter(has_begun);
        let mut due: Vec<ComponentId> = begun.flat_map(|stage| self.slots.running(stage)).collect();
        due.sort_unstable();
        due
    }

    /// Returns the next component of a sequential stage: the last registered, unless another one was asked and has not ended.
    /// A component that was registered too late for an earlier stage comes first.
    fn due_sequentially(&self) -> Vec<ComponentId> {
        if self.slots.is_asked_up_to(self.cursor) {
            return Vec::new();
        }
        self.slots.next_sequential(self.cursor).into_iter().collect()
    }

    /// Returns a component's deadline by its stage. In a sequential stage, each component that was not asked keeps its share.
    fn end_of(&self, spec: &Spec, stop: &OngoingStop) -> Duration {
        let stage = spec.stage.max(if self.cursor.is_sequential() { self.cursor } else { spec.stage });
        let mut end = stop.at.saturating_add(self.plan.end(stage));
        if stage.is_sequential() {
            let (waiting, all) = self.slots.unasked_and_total(stage);
            let all = u32::try_from(all).unwrap_or(u32::MAX).max(1);
            let after = u32::try_from(waiting.saturating_sub(1)).unwrap_or(u32::MAX);
            end = end.saturating_sub(part(self.plan.reserve(stage), after, all));
        }
        end
    }

    /// Enters the next stage if every component up to the present one has ended; returns whether it did.
    fn next_stage(&mut self, now: Duration, effects: &mut Vec<Effect>) -> bool {
        let open = Stage::ALL.into_iter().any(|stage| stage <= self.cursor && self.slots.is_open(stage));
        if self.phase == Phase::LameDuck || open {
            return false;
        }
        match self.cursor {
            Stage::Intake | Stage::Servers => self.cursor = Stage::Workers,
            Stage::Workers => {
                self.cursor = Stage::Resources;
                self.enter(Phase::Closing, now, effects);
            }
            Stage::Resources => {
                self.cursor = Stage::Telemetry;
                self.enter(Phase::Flushing, now, effects);
            }
            Stage::Telemetry => {
                self.finish(now, effects);
                return false;
            }
        }
        true
    }

    fn next_wake(&self, stop: &OngoingStop) -> Option<Duration> {
        let duck = (self.phase == Phase::LameDuck).then(|| self.lame_duck_end(stop));
        self.slots.next_due().into_iter().chain(duck).min()
    }
}
