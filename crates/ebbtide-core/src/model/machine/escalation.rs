//! What time does to a stop: the end of the lame duck, the turn of each stage, ask → cut → abort → give up, and the order of pools.

use std::time::Duration;

use super::slot::Schedule;
use super::state::Begun;
use super::{Effect, Machine};
use crate::model::ComponentState as Status;
use crate::model::{ComponentId, Kind, Outcome, Phase, Stage, part};

impl Machine {
    /// Does everything that is due at `now`, and says when something will be due next.
    pub(super) fn advance(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        let Some(stop) = self.stop.clone() else { return };
        if self.exit().is_some() {
            return;
        }
        // Every round but the last ends at least one component or one stage, so that this ends.
        loop {
            self.escalate(now, effects);
            if self.phase == Phase::LameDuck && now >= self.lame_duck_end(&stop) {
                self.enter(Phase::Draining, now, effects);
            }
            let asked = self.ask(&stop, now, effects);
            self.close(effects);
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

    fn escalate(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        for (n, slot) in self.slots.iter_mut().enumerate() {
            let Some(schedule) = slot.schedule else { continue };
            if slot.status == Status::Asked && now >= schedule.cut {
                slot.status = Status::Cut;
                effects.push(Effect::Cut(ComponentId(n)));
            }
            if slot.status == Status::Cut && now >= schedule.abort {
                slot.status = Status::Aborted;
                effects.push(Effect::Abort(ComponentId(n)));
            }
            if slot.status == Status::Aborted && now >= schedule.give_up {
                slot.end(Outcome::Stuck);
                effects.push(Effect::GiveUp(ComponentId(n)));
            }
        }
    }

    /// Returns when the lame duck is over as far as is known; at once where no server is left to benefit.
    fn lame_duck_end(&self, stop: &Begun) -> Duration {
        let serving = self.slots.iter().any(|slot| slot.spec.stage == Stage::Servers && !slot.is_over());
        if stop.skip_lame_duck || !serving {
            return stop.at;
        }
        let duck = self.plan.lame_duck;
        let least = stop.at.saturating_add(duck.min).max(stop.last_arrival.saturating_add(duck.quiet));
        least.min(stop.at.saturating_add(duck.max))
    }

    /// Asks whoever's turn it is; returns whether there was somebody.
    fn ask(&mut self, stop: &Begun, now: Duration, effects: &mut Vec<Effect>) -> bool {
        let due: Vec<usize> = if self.cursor.is_sequential() {
            self.due_in_turn()
        } else {
            (0..self.slots.len()).filter(|n| self.is_due(*n)).collect()
        };
        for n in &due {
            let end = self.end_of(*n, stop);
            let schedule = Schedule::between(now, end, self.slots[*n].spec.limit, self.plan.cut_allowance);
            let slot = &mut self.slots[*n];
            slot.status = Status::Asked;
            slot.schedule = Some(schedule);
            effects.push(Effect::Ask { id: ComponentId(*n), cut_at: schedule.cut });
        }
        !due.is_empty()
    }

    /// Closes the pool that nobody feeds any more: whoever feeds one holds its handle, and so was registered after it.
    fn close(&mut self, effects: &mut Vec<Effect>) {
        let mut slots = self.slots.iter_mut().enumerate().rev();
        let last = slots.find(|(_, slot)| slot.spec.stage <= Stage::Workers && !slot.is_over());
        if let Some((n, slot)) = last
            && slot.spec.kind == Kind::Pool
            && slot.status == Status::Asked
            && !slot.closed
        {
            slot.closed = true;
            effects.push(Effect::Close(ComponentId(n)));
        }
    }

    fn is_due(&self, n: usize) -> bool {
        let slot = &self.slots[n];
        let turn = match slot.spec.stage {
            Stage::Intake => true,
            Stage::Servers => self.phase >= Phase::Draining,
            stage => stage <= self.cursor,
        };
        turn && slot.status == Status::Running
    }

    /// Returns the last registered of a stage that takes turns, unless somebody's turn is not over. Whoever came too
    /// late for an earlier stage goes first.
    fn due_in_turn(&self) -> Vec<usize> {
        let open = || (0..self.slots.len()).filter(|n| self.slots[*n].spec.stage <= self.cursor);
        if open().any(|n| !matches!(self.slots[n].status, Status::Running | Status::Over)) {
            return Vec::new();
        }
        let running = open().filter(|n| self.slots[*n].status == Status::Running);
        let rank = |n: &usize| {
            let spec = &self.slots[*n].spec;
            (std::cmp::Reverse(spec.stage), before_the_end(spec.kind), *n)
        };
        running.max_by_key(rank).into_iter().collect()
    }

    /// Returns when a component's time is up by its stage. In a stage that takes turns, each that still waits keeps its slice.
    fn end_of(&self, n: usize, stop: &Begun) -> Duration {
        let spec = &self.slots[n].spec;
        let stage = spec.stage.max(if self.cursor.is_sequential() { self.cursor } else { spec.stage });
        let mut end = stop.at.saturating_add(self.plan.end(stage));
        if stage.is_sequential() {
            let peers = self.slots.iter().filter(|slot| slot.spec.stage == stage);
            let all = u32::try_from(peers.clone().count()).unwrap_or(u32::MAX).max(1);
            let waiting = peers.filter(|slot| slot.status == Status::Running).count();
            let after = u32::try_from(waiting.saturating_sub(1)).unwrap_or(u32::MAX);
            end = end.saturating_sub(part(self.plan.reserve(stage), after, all));
        }
        end
    }

    /// Moves to the next stage when everything up to here is over; returns whether it moved.
    fn next_stage(&mut self, now: Duration, effects: &mut Vec<Effect>) -> bool {
        let over = self.slots.iter().filter(|slot| slot.spec.stage <= self.cursor).all(|slot| slot.is_over());
        if self.phase == Phase::LameDuck || !over {
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

    fn next_wake(&self, stop: &Begun) -> Option<Duration> {
        let duck = (self.phase == Phase::LameDuck).then(|| self.lame_duck_end(stop));
        let escalations = self.slots.iter().filter_map(|slot| {
            let schedule = slot.schedule?;
            match slot.status {
                Status::Asked => Some(schedule.cut),
                Status::Cut => Some(schedule.abort),
                Status::Aborted => Some(schedule.give_up),
                Status::Running | Status::Over => None,
            }
        });
        escalations.chain(duck).min()
    }
}

/// Ranks what stops in the last stage: the higher, the sooner.
fn before_the_end(kind: Kind) -> u8 {
    match kind {
        Kind::Last => 0,
        Kind::Probe => 1,
        Kind::StartUp | Kind::Service | Kind::Pool | Kind::Finite | Kind::Teardown => 2,
    }
}
