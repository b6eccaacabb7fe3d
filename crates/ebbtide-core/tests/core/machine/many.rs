//! A lifecycle of many components costs no more for each than one of few, and keeps nothing of those that have ended well.

use std::time::{Duration, Instant};

use ebbtide_core::model::{
    Budget, ComponentId, Effect, End, Event, Kind, Machine, Outcome, Phase, Platform, Spec, Stage,
};

use super::simulation::ms;

const DONE: End = End::Done { cut: 0 };

fn machine() -> Machine {
    let mut machine = Machine::new(Budget::of(Platform::Plain).plan().expect("the default fits"));
    let _ = machine.step(Event::Registered(Spec::new("start-up", Stage::Intake, Kind::StartUp)), ms(0));
    let _ = machine.step(Event::Ended(ComponentId(0), DONE), ms(0));
    machine
}

fn signal() -> Event {
    Event::Signal { number: 2, skip_lame_duck: true }
}

#[expect(clippy::disallowed_methods, reason = "the time that a step takes is real")]
fn now() -> Instant {
    Instant::now()
}

/// Returns how long a shutdown takes in which each of `count` components is asked and ends, in steps of its own.
fn shutdown_of(count: usize, stage: Stage, kind: Kind) -> Duration {
    let mut machine = machine();
    for n in 0..count {
        let _ = machine.step(Event::Registered(Spec::new(n.to_string(), stage, kind)), ms(0));
    }
    let begun = now();
    let mut effects = machine.step(signal(), ms(1));
    let mut ended = 0;
    while machine.phase() < Phase::Exited {
        assert!(!effects.is_empty(), "it waits for nothing but what was asked");
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
fn a_shutdown_is_linear_in_what_is_open() {
    for (stage, kind) in [
        (Stage::Workers, Kind::Finite),
        (Stage::Workers, Kind::Pool),
        (Stage::Servers, Kind::Service),
        (Stage::Resources, Kind::Teardown),
        (Stage::Telemetry, Kind::Last),
    ] {
        // The quickest are those that nothing beside them has slowed down: on a busy machine it takes more rounds to see one.
        let (mut few, mut many) = (Duration::MAX, Duration::MAX);
        for _ in 0..20 {
            few = few.min(shutdown_of(1000, stage, kind));
            many = many.min(shutdown_of(32_000, stage, kind));
            if many < few * 100 {
                break;
            }
        }
        // Linear is 32, with some more for caches; quadratic is 1024.
        assert!(many < few * 160, "{stage}: 1000 in {few:?}, 32000 in {many:?}");
    }
}

#[test]
fn what_ends_well_by_itself_is_counted_and_not_kept() {
    let mut machine = machine();
    for n in 1..=10_000 {
        let _ = machine.step(Event::Registered(Spec::new("mail", Stage::Workers, Kind::Finite)), ms(1));
        let _ = machine.step(Event::Ended(ComponentId(n), DONE), ms(1));
    }
    assert_eq!(machine.ended_by_themselves(), 10_000);
    assert_eq!(machine.components().count(), 1, "the start-up");
    // One that is asked is kept.
    let _ = machine.step(Event::Registered(Spec::new("last", Stage::Workers, Kind::Finite)), ms(1));
    let _ = machine.step(signal(), ms(2));
    let _ = machine.step(Event::Ended(ComponentId(10_001), DONE), ms(3));
    let kept: Vec<_> = machine.components().map(|(id, spec, _)| (id, spec.name.clone())).collect();
    assert_eq!(kept.last(), Some(&(ComponentId(10_001), "last".to_owned())));
    assert_eq!(machine.ended_by_themselves(), 10_000);
}

#[test]
fn what_ends_by_itself_with_a_failure_is_kept() {
    let mut machine = machine();
    let _ = machine.step(Event::Registered(Spec::new("mail", Stage::Workers, Kind::Finite)), ms(1));
    let _ = machine.step(Event::Ended(ComponentId(1), End::Failed("no".to_owned())), ms(1));
    assert_eq!(machine.outcome(ComponentId(1)), Some(&Outcome::Failed { error: "no".to_owned() }));
    assert_eq!(machine.ended_by_themselves(), 0);
}
