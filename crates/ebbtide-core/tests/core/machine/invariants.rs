//! Property tests of the machine; each name begins with the number of its invariant in `docs/spec.md`.

use std::collections::BTreeMap;
use std::time::Duration;

use ebbtide_core::model::{
    Budget, Cause, ComponentId, Effect, Event, Exit, Kind, Outcome, Phase, Platform, Stage,
};
use proptest::prelude::*;

use super::simulation::{Does, Part, Run, World, ms, play, world};

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn i1_phases_only_move_forward(world in world()) {
        let run = play(&world);
        let phases = run.machine.timeline();
        prop_assert!(phases.windows(2).all(|pair| pair[0].phase < pair[1].phase && pair[0].at <= pair[1].at));
    }

    #[test]
    fn i2_a_stage_begins_when_the_earlier_ones_have_ended(world in world()) {
        let run = play(&world);
        for (at, id) in run.asked() {
            let stage = run.spec(id).stage;
            if stage == Stage::Servers {
                prop_assert!(run.entered(Phase::Draining).is_some_and(|draining| draining <= at));
            }
            // Intake and servers are one group: both have ended before the workers are asked.
            let group = |stage: Stage| stage.max(Stage::Servers);
            for (other, spec) in &run.specs {
                let earlier = group(spec.stage) < group(stage);
                let ended = run.ended_at.get(other).copied().unwrap_or(Duration::MAX);
                // A component registered after a later group was asked delays only what is asked after it.
                let born = run.registered_at[other];
                let late = run.asked().iter().any(|(at, id)| *at <= born && group(run.spec(*id).stage) > group(spec.stage));
                prop_assert!(!earlier || ended <= at || late, "{id:?} at {at:?}, {other:?} until {ended:?}");
            }
        }
    }

    #[test]
    fn i3_resources_and_flushers_stop_one_at_a_time_in_reverse(world in world()) {
        let run = play(&world);
        for stage in [Stage::Resources, Stage::Telemetry] {
            let turns: Vec<(Duration, ComponentId)> =
                run.asked().into_iter().filter(|(_, id)| run.spec(*id).stage == stage).collect();
            for pair in turns.windows(2) {
                let ((first_at, first), (next_at, next)) = (pair[0], pair[1]);
                // The order of components registered during the stage is not checked.
                let next_registered_at = run.ids.iter().find(|(_, id)| **id == next).map(|(n, _)| ms(world.parts[*n].born));
                if next_registered_at.is_some_and(|born| born <= first_at) {
                    let turn = |id| match run.spec(id).kind {
                        Kind::Last => 2,
                        Kind::Probe => 1,
                        _ => 0,
                    };
                    let (first_turn, next_turn) = (turn(first), turn(next));
                    let in_order = first_turn < next_turn || (first_turn == next_turn && first > next);
                    prop_assert!(in_order, "{stage}: {first:?} then {next:?}");
                }
                prop_assert!(first_at <= next_at);
            }
        }
    }

    #[test]
    fn i4_no_component_uses_the_time_of_a_later_stage(world in world()) {
        let run = play(&world);
        for (at, effect) in &run.effects {
            let Effect::Ask { id, cancel_at } = effect else { continue };
            let stage = run.spec(*id).stage;
            // A component registered too late for its stage has the time of the stage during which it is registered.
            let passed = match stage {
                Stage::Resources => Phase::Flushing,
                Stage::Telemetry => Phase::Exited,
                _ => Phase::Closing,
            };
            let late = run.entered(passed).is_some_and(|at| run.registered_at[id] >= at);
            let end = run.stop_at + world.plan.end(if late { Stage::Telemetry } else { stage });
            prop_assert!(
                *cancel_at <= end.max(*at),
                "{id:?} asked at {at:?}, cancelled at {cancel_at:?}, stage ends at {end:?}"
            );
        }
    }

    #[test]
    fn i5_the_deadline_is_announced_once_and_never_moves(world in world()) {
        let run = play(&world);
        let said = run.effects.iter().filter_map(|(at, effect)| match effect {
            Effect::Announce { deadline, .. } => Some((*at, *deadline)),
            _ => None,
        });
        let said: Vec<_> = said.collect();
        prop_assert_eq!(said.len(), 1);
        prop_assert_eq!(said[0].1, said[0].0 + world.plan.deadline);
    }

    #[test]
    fn i6_a_second_signal_always_ends(world in world()) {
        let run = play(&world);
        match run.second_signal {
            Some(at) => {
                prop_assert_eq!(run.machine.exit(), Some(Exit::Signalled(15)));
                prop_assert_eq!(run.effects.last(), Some(&(at, Effect::EndNow { number: 15 })));
            }
            None => prop_assert!(!run.ended_by_second_signal()),
        }
    }

    #[test]
    fn i15_a_duplicate_of_the_first_signal_changes_nothing(
        world in world(),
        duplicates in prop::collection::vec((1..300u64, any::<bool>()), 1..4),
    ) {
        let signals = world.outside.iter().filter(|(_, event)| matches!(event, Event::Signal { .. }));
        let first = signals.map(|(at, _)| *at).min().unwrap_or(50_000);
        let mut twice = world.clone();
        for (after, skip_lame_duck) in duplicates {
            twice.outside.push((first + after, Event::Signal { number: 2, skip_lame_duck, at: Duration::MAX }));
        }
        let (once, twice) = (play(&world), play(&twice));
        let told = |run: &Run| {
            let effects = run.effects.iter().filter(|(_, effect)| {
                !matches!(effect, Effect::IgnoreSignal { .. } | Effect::Wake(_))
            });
            effects.cloned().collect::<Vec<_>>()
        };
        prop_assert_eq!(told(&once), told(&twice));
    }

    #[test]
    fn i7_every_component_has_exactly_one_outcome(world in world()) {
        let run = play(&world);
        prop_assume!(!run.ended_by_second_signal());
        let has_outcome = |(id, _, outcome): (ComponentId, _, Option<&Outcome>)| outcome.map(|_| id);
        let with_outcome: Vec<ComponentId> = run.machine.components().filter_map(has_outcome).collect();
        let mut counted = 0;
        for (id, spec) in &run.specs {
            if !with_outcome.contains(id) {
                // Only a component that may end by itself, and did so before it was asked, is counted and not kept.
                prop_assert_eq!(spec.kind, Kind::Finite, "{:?} has no outcome", id);
                prop_assert!(run.asked_at(*id).is_none() && run.ended_at.contains_key(id), "{id:?}");
                counted += 1;
            }
        }
        prop_assert_eq!(run.machine.ended_by_themselves(), counted);
        prop_assert_eq!(with_outcome.len() as u64 + counted, run.specs.len() as u64);
        prop_assert!(run.machine.waiting().is_empty());
    }

    #[test]
    fn i8_each_step_of_the_escalation_is_taken_once_and_in_order(world in world()) {
        let run = play(&world);
        let mut level: BTreeMap<ComponentId, u8> = BTreeMap::new();
        for (_, effect) in &run.effects {
            let (id, step) = match effect {
                Effect::Ask { id, .. } => (id, 1),
                Effect::Cancel(id) => (id, 2),
                Effect::Abort(id) => (id, 3),
                Effect::GiveUp(id) => (id, 4),
                _ => continue,
            };
            let before = level.insert(*id, step).unwrap_or(0);
            prop_assert_eq!(before + 1, step, "{:?}", id);
        }
    }

    #[test]
    fn i9_readiness_fails_in_the_step_that_begins_the_shutdown(world in world()) {
        let run = play(&world);
        let announced = run.effects.iter().position(|(_, effect)| matches!(effect, Effect::Announce { .. }));
        let announced = announced.expect("every world stops");
        let (at, next) = &run.effects[announced + 1];
        prop_assert_eq!(*at, run.stop_at);
        prop_assert!(matches!(next, Effect::Enter(phase) if phase.is_stopping()), "{:?}", next);
    }

    #[test]
    fn i10_the_machine_exits_before_the_watchdog_has_to_act(world in world()) {
        let run = play(&world);
        let exited = run.entered(Phase::Exited).expect("every world ends");
        // A component that is registered at the very end is asked and given up in the same step.
        prop_assert!(exited <= run.stop_at + world.plan.telemetry_end, "{exited:?}");
    }

    #[test]
    fn i11_the_first_cause_wins(world in world()) {
        let run = play(&world);
        let first = run.effects.iter().find_map(|(_, effect)| match effect {
            Effect::Announce { cause, .. } => Some(cause.clone()),
            _ => None,
        });
        prop_assert_eq!(run.machine.cause().cloned(), first);
    }

    #[test]
    fn i12_the_exit_follows_from_the_cause_and_the_outcomes(world in world()) {
        let run = play(&world);
        prop_assume!(!run.ended_by_second_signal());
        let outcomes: Vec<Outcome> = run.machine.components().filter_map(|(_, _, o)| o.cloned()).collect();
        let failed = outcomes.iter().any(|o| matches!(o, Outcome::Failed { .. } | Outcome::Panicked { .. }));
        let cancelled = outcomes.iter().any(|o| matches!(o, Outcome::Cancelled | Outcome::Stuck));
        let failed = failed || run.machine.cause().is_some_and(Cause::is_failure);
        let truth = if failed { 1 } else if cancelled { 3 } else { 0 };
        prop_assert_eq!(run.machine.exit().map(Exit::code), Some(truth));
    }

    #[test]
    fn i13_the_lame_duck_has_its_minimum_and_its_maximum(world in world()) {
        let run = play(&world);
        prop_assume!(!run.ended_by_second_signal());
        let (Some(from), Some(to)) = (run.entered(Phase::LameDuck), run.entered(Phase::Draining)) else {
            return Ok(());
        };
        prop_assert!(to - from <= world.plan.lame_duck.max);
    }
}

/// Returns how long the lame duck of a server lasts, with the signal at 1 s and these arrivals after it.
fn duck(arrivals: &[u64]) -> Duration {
    let parts = vec![Part {
        stage: Stage::Servers,
        kind: Kind::Service,
        limit: None,
        born: 0,
        does: Does::EndsAfterAsk(0),
    }];
    let mut outside = vec![(1000, Event::Signal { number: 15, skip_lame_duck: false, at: Duration::MAX })];
    outside.extend(arrivals.iter().map(|at| (1000 + at, Event::Arrival)));
    let plan = Budget::of(Platform::Kubernetes).plan().expect("the default fits");
    let run = play(&World { start_up: Does::ReturnsAfter(0), parts, outside, plan });
    run.entered(Phase::Draining).expect("it drains") - ms(1000)
}

#[test]
fn the_lame_duck_ends_at_its_minimum_without_new_requests() {
    assert_eq!(duck(&[]), ms(5000));
    assert_eq!(duck(&[3000]), ms(5000));
}

#[test]
fn the_lame_duck_continues_while_requests_come_and_ends_at_its_maximum() {
    assert_eq!(duck(&[4500]), ms(5500));
    assert_eq!(duck(&[4500, 5400, 6300]), ms(7300));
    let always: Vec<u64> = (0..400).map(|n| n * 100).collect();
    assert_eq!(duck(&always), ms(15_000));
}
