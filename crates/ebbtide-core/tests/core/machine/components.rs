//! The cost per component does not grow with the number of components, and components that ended by themselves are not kept. A
//! pool takes work as long as another component may send to it.

use std::time::{Duration, Instant};

use ebbtide_core::model::{
    Budget, ComponentId, Effect, End, Event, Kind, Machine, Outcome, Phase, Platform, Spec, Stage,
};
use proptest::prelude::*;

use super::simulation::{Does, Part, Run, World, ms, play, world};

const DONE: End = End::Done { cancelled: 0 };

fn machine() -> Machine {
    let mut machine = Machine::new(Budget::of(Platform::Plain).plan().expect("the default fits"));
    let _ = machine.step(Event::Registered(Spec::new("start-up", Stage::Intake, Kind::StartUp)), ms(0));
    let _ = machine.step(Event::Ended(ComponentId(0), DONE), ms(0));
    machine
}

fn signal() -> Event {
    Event::Signal { number: 2, skip_lame_duck: true, at: Duration::MAX }
}

/// A blocked runtime processes a signal late; the watchdog counts from its arrival.
#[test]
fn a_shutdown_counts_from_the_arrival_of_its_signal() {
    let mut machine = machine();
    let plan = machine.plan().clone();
    let worker = ComponentId(1);
    let _ = machine.step(Event::Registered(Spec::new("worker", Stage::Workers, Kind::Service)), ms(0));
    let late = Event::Signal { number: 15, skip_lame_duck: true, at: ms(1000) };
    let effects = machine.step(late, ms(3000));
    let asked =
        Effect::Ask { id: worker, cancel_at: ms(1000) + plan.end(Stage::Workers) - plan.cancel_allowance };
    assert!(effects.contains(&asked), "{effects:?}");
    let deadlines = effects.iter().filter_map(|effect| match effect {
        Effect::Announce { deadline, .. } => Some(*deadline),
        _ => None,
    });
    assert_eq!(deadlines.collect::<Vec<_>>(), [ms(1000) + plan.deadline]);
    assert_eq!(machine.stop_began(), Some(ms(1000)));
    // The phases began when they did.
    assert_eq!(machine.timeline().last().map(|change| change.at), Some(ms(3000)));
    // The guard against duplicates counts from the arrival as well.
    let second = Event::Signal { number: 15, skip_lame_duck: false, at: ms(1000) + plan.signal_guard };
    assert_eq!(machine.step(second, ms(3001)), [Effect::Enter(Phase::Exited), Effect::EndNow { number: 15 }]);
}

#[expect(clippy::disallowed_methods, reason = "the time that a step takes is real")]
fn now() -> Instant {
    Instant::now()
}

/// Returns how long a shutdown takes in which each of `count` components is asked and ends, in separate steps.
fn duration_of_shutdown(count: usize, stage: Stage, kind: Kind) -> Duration {
    let mut machine = machine();
    for n in 0..count {
        let _ = machine.step(Event::Registered(Spec::new(n.to_string(), stage, kind)), ms(0));
    }
    let begun = now();
    let mut effects = machine.step(signal(), ms(1));
    let mut ended = 0;
    while machine.phase() < Phase::Exited {
        assert!(!effects.is_empty(), "the machine waits only for components that were asked");
        let asked = effects.iter().filter_map(|effect| match effect {
            Effect::Ask { id, .. } => Some(*id),
            _ => None,
        });
        let mut next = Vec::new();
        for id in asked {
            ended += 1;
            next.extend(machine.step(Event::Ended(id, DONE), ms(2)));
        }
        effects = next;
    }
    assert_eq!(ended, count);
    now().duration_since(begun)
}

#[test]
fn a_shutdown_is_linear_in_the_number_of_open_components() {
    for (stage, kind) in [
        (Stage::Workers, Kind::Finite),
        (Stage::Workers, Kind::Pool),
        (Stage::Servers, Kind::Service),
        (Stage::Resources, Kind::Teardown),
        (Stage::Telemetry, Kind::Last),
    ] {
        // As many components in one shutdown as in many small ones: other load slows both down alike. The minimum excludes the
        // rounds in which it did not; a busy host needs more rounds.
        let (mut small, mut large) = (Duration::MAX, Duration::MAX);
        for _ in 0..20 {
            small = small.min((0..32).map(|_| duration_of_shutdown(1000, stage, kind)).sum());
            large = large.min(duration_of_shutdown(32_000, stage, kind));
            if large < small * 4 {
                break;
            }
        }
        // Linear growth is a factor of 1, plus cache effects; quadratic growth is 32.
        assert!(large < small * 8, "{stage}: 32 of 1000 in {small:?}, one of 32000 in {large:?}");
    }
}

#[test]
fn a_component_that_ends_by_itself_is_counted_and_not_kept() {
    let mut machine = machine();
    for n in 1..=10_000 {
        let _ = machine.step(Event::Registered(Spec::new("mail", Stage::Workers, Kind::Finite)), ms(1));
        let _ = machine.step(Event::Ended(ComponentId(n), DONE), ms(1));
    }
    assert_eq!(machine.ended_by_themselves(), 10_000);
    assert_eq!(machine.components().count(), 1, "the start-up");
    // A component that was asked is kept.
    let _ = machine.step(Event::Registered(Spec::new("last", Stage::Workers, Kind::Finite)), ms(1));
    let _ = machine.step(signal(), ms(2));
    let _ = machine.step(Event::Ended(ComponentId(10_001), DONE), ms(3));
    let kept: Vec<_> = machine.components().map(|(id, spec, _)| (id, spec.name.clone())).collect();
    assert_eq!(kept.last(), Some(&(ComponentId(10_001), "last".to_owned())));
    assert_eq!(machine.ended_by_themselves(), 10_000);
}

#[test]
fn a_component_that_fails_by_itself_is_kept() {
    let mut machine = machine();
    let _ = machine.step(Event::Registered(Spec::new("mail", Stage::Workers, Kind::Finite)), ms(1));
    let _ = machine.step(Event::Ended(ComponentId(1), End::Failed("no".to_owned())), ms(1));
    assert_eq!(machine.outcome(ComponentId(1)), Some(&Outcome::Failed { error: "no".to_owned() }));
    assert_eq!(machine.ended_by_themselves(), 0);
}

/// Returns when the last component that may send to a pool ended: those registered after it and before `until`.
fn last_sender_ended_at(run: &Run, pool: ComponentId, until: Duration) -> Duration {
    let feeders = run
        .specs
        .iter()
        .filter(|(id, spec)| **id > pool && spec.stage <= Stage::Workers && run.registered_at[id] < until);
    feeders.map(|(id, _)| run.ended_at.get(id).copied().unwrap_or(Duration::MAX)).max().unwrap_or_default()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn i14_a_pool_is_closed_when_all_its_senders_have_ended_and_not_before(world in world()) {
        let run = play(&world);
        let closed = run.effects.iter().filter_map(|(_, effect)| match effect {
            Effect::Close(id) => Some(*id),
            _ => None,
        });
        let mut closed: Vec<ComponentId> = closed.collect();
        for id in &closed {
            prop_assert_eq!(run.spec(*id).kind, Kind::Pool);
        }
        let count = closed.len();
        closed.sort();
        closed.dedup();
        prop_assert_eq!(count, closed.len(), "a pool was closed twice");
        for (asked_at, id) in run.asked() {
            if run.spec(id).kind != Kind::Pool {
                continue;
            }
            let gone = run.ended_at.get(&id).copied().unwrap_or(Duration::MAX);
            let cancelled = run.told(&Effect::Cancel(id));
            if let Some((place, at)) = run.told(&Effect::Close(id)) {
                prop_assert!(
                    cancelled.is_none_or(|(cancelled, _)| place < cancelled),
                    "{id:?} was closed after its cancellation"
                );
                prop_assert_eq!(at, asked_at.max(last_sender_ended_at(&run, id, at)), "{:?}", id);
            } else if !run.ended_by_second_signal() {
                let until = gone.min(cancelled.map_or(Duration::MAX, |(_, at)| at));
                // A component that is registered at that instant may or may not send to it.
                let fed = last_sender_ended_at(&run, id, until + ms(1)).max(asked_at);
                prop_assert!(until <= fed, "{id:?} was never closed, but no component could send to it from {fed:?} on");
            }
        }
    }
}

/// Runs components of the workers' stage, registered in this order, with a signal at 1 s.
fn workers(parts: &[(Kind, Does)]) -> Run {
    let part = |(kind, does): &(Kind, Does)| Part {
        stage: Stage::Workers,
        kind: *kind,
        limit: None,
        born: 0,
        does: *does,
    };
    let plan = Budget::of(Platform::Plain).plan().expect("the default fits");
    let outside = vec![(1000, Event::Signal { number: 15, skip_lame_duck: false, at: Duration::MAX })];
    play(&World { start_up: Does::ReturnsAfter(0), parts: parts.iter().map(part).collect(), outside, plan })
}

/// Returns when a part was asked and when it was closed, from the signal on.
fn asked_and_closed(run: &Run, part: usize) -> (Duration, Option<Duration>) {
    let id = run.ids[&part];
    let asked = run.asked().into_iter().find(|(_, asked)| *asked == id).expect("it was asked").0;
    (asked - ms(1000), run.told(&Effect::Close(id)).map(|(_, at)| at - ms(1000)))
}

fn outcome(run: &Run, part: usize) -> Option<Outcome> {
    run.outcome(run.ids[&part])
}

#[test]
fn pools_are_asked_at_once_and_closed_one_after_the_other() {
    let run = workers(&[
        (Kind::Pool, Does::EndsAfterAsk(30)),
        (Kind::Pool, Does::EndsAfterAsk(20)),
        (Kind::Service, Does::EndsAfterAsk(500)),
        (Kind::Pool, Does::EndsAfterAsk(1000)),
    ]);
    assert_eq!(asked_and_closed(&run, 3), (ms(0), Some(ms(0))));
    assert_eq!(asked_and_closed(&run, 1), (ms(0), Some(ms(1000))), "the task ended before the last pool");
    assert_eq!(asked_and_closed(&run, 0), (ms(0), Some(ms(1020))));
    assert_eq!(run.machine.exit().map(ebbtide_core::model::Exit::code), Some(0));
}

#[test]
fn a_component_registered_before_a_pool_does_not_keep_it_open() {
    let run = workers(&[(Kind::Service, Does::EndsAfterAsk(500)), (Kind::Pool, Does::EndsAfterAsk(0))]);
    assert_eq!(asked_and_closed(&run, 1), (ms(0), Some(ms(0))));
}

#[test]
fn a_pool_kept_open_until_its_deadline_is_drained_only_if_it_had_no_work() {
    let kept_open = |does| workers(&[(Kind::Pool, does), (Kind::Service, Does::EndsWhenAborted)]);
    let had_no_work = kept_open(Does::EndsAfterAsk(0));
    assert_eq!(asked_and_closed(&had_no_work, 0).1, None);
    assert_eq!(
        (outcome(&had_no_work, 0), outcome(&had_no_work, 1)),
        (Some(Outcome::Drained), Some(Outcome::Cancelled))
    );
    assert_eq!(outcome(&kept_open(Does::EndsWhenCancelled), 0), Some(Outcome::Cancelled));
    // The counterexample: this pool was closed in time.
    let closed = workers(&[(Kind::Pool, Does::EndsWhenAborted)]);
    assert_eq!(outcome(&closed, 0), Some(Outcome::Cancelled));
}
