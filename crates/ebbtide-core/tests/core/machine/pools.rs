//! A pool takes work for as long as somebody may send it some.

use std::time::Duration;

use ebbtide_core::model::{Budget, ComponentId, Effect, Event, Kind, Outcome, Platform, Stage};
use proptest::prelude::*;

use super::simulation::{Does, Part, Run, World, ms, play, world};

/// Returns when the last of those that may feed a pool was over: those that were registered after it and before `until`.
fn fed_until(run: &Run, pool: ComponentId, until: Duration) -> Duration {
    let feeders = run
        .specs
        .iter()
        .filter(|(id, spec)| **id > pool && spec.stage <= Stage::Workers && run.born_at[id] < until);
    feeders.map(|(id, _)| run.ended_at.get(id).copied().unwrap_or(Duration::MAX)).max().unwrap_or_default()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn i14_a_pool_is_closed_when_all_that_feed_it_are_over_and_not_before(world in world()) {
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
        prop_assert_eq!(count, closed.len(), "one was closed twice");
        for (asked_at, id) in run.asked() {
            if run.spec(id).kind != Kind::Pool {
                continue;
            }
            let gone = run.ended_at.get(&id).copied().unwrap_or(Duration::MAX);
            let cut = run.told(&Effect::Cut(id));
            if let Some((place, at)) = run.told(&Effect::Close(id)) {
                prop_assert!(cut.is_none_or(|(cut, _)| place < cut), "{id:?} was closed after its cut");
                prop_assert_eq!(at, asked_at.max(fed_until(&run, id, at)), "{:?}", id);
            } else if !run.ended_by_second_signal() {
                let until = gone.min(cut.map_or(Duration::MAX, |(_, at)| at));
                // Whoever is born in the very instant may feed it or not.
                let fed = fed_until(&run, id, until + ms(1)).max(asked_at);
                prop_assert!(until <= fed, "{id:?} was never closed: nobody fed it from {fed:?} on");
            }
        }
    }
}

/// Components of the workers' stage, registered in this order, with a signal at 1 s.
fn workers(parts: &[(Kind, Does)]) -> Run {
    let part = |(kind, does): &(Kind, Does)| Part {
        stage: Stage::Workers,
        kind: *kind,
        limit: None,
        born: 0,
        does: *does,
    };
    let plan = Budget::of(Platform::Plain).plan().expect("the default fits");
    let outside = vec![(1000, Event::Signal { number: 15, skip_lame_duck: false })];
    play(&World { start_up: Does::ReturnsAt(0), parts: parts.iter().map(part).collect(), outside, plan })
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
fn pools_are_asked_at_once_and_closed_one_behind_the_other() {
    let run = workers(&[
        (Kind::Pool, Does::DrainsIn(30)),
        (Kind::Pool, Does::DrainsIn(20)),
        (Kind::Service, Does::DrainsIn(500)),
        (Kind::Pool, Does::DrainsIn(1000)),
    ]);
    assert_eq!(asked_and_closed(&run, 3), (ms(0), Some(ms(0))));
    assert_eq!(asked_and_closed(&run, 1), (ms(0), Some(ms(1000))), "the task was over before the last pool");
    assert_eq!(asked_and_closed(&run, 0), (ms(0), Some(ms(1020))));
    assert_eq!(run.machine.exit().map(ebbtide_core::model::Exit::code), Some(0));
}

#[test]
fn whoever_was_registered_before_a_pool_does_not_keep_it_open() {
    let run = workers(&[(Kind::Service, Does::DrainsIn(500)), (Kind::Pool, Does::DrainsIn(0))]);
    assert_eq!(asked_and_closed(&run, 1), (ms(0), Some(ms(0))));
}

#[test]
fn a_pool_that_was_kept_open_until_the_cut_is_drained_if_it_held_nothing_and_cut_if_it_did() {
    let kept_open = |does| workers(&[(Kind::Pool, does), (Kind::Service, Does::EndsAtAbort)]);
    let held_nothing = kept_open(Does::DrainsIn(0));
    assert_eq!(asked_and_closed(&held_nothing, 0).1, None);
    assert_eq!(
        (outcome(&held_nothing, 0), outcome(&held_nothing, 1)),
        (Some(Outcome::Drained), Some(Outcome::Cut))
    );
    assert_eq!(outcome(&kept_open(Does::EndsAtCut), 0), Some(Outcome::Cut));
    // The opposite: closed in time, it had its chance.
    let closed = workers(&[(Kind::Pool, Does::EndsAtAbort)]);
    assert_eq!(outcome(&closed, 0), Some(Outcome::Cut));
}
