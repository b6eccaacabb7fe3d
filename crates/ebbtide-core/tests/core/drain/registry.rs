//! The registry of stragglers: every entry there until it is dropped, oldest first, with its age and its origin.

use std::cell::Cell;
use std::thread;
use std::time::{Duration, Instant};

use ebbtide_core::drain::Registry;

use super::support::now;

thread_local! {
    static START: Instant = now();
    static PASSED: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

#[test]
fn a_straggler_has_its_name_its_age_and_its_origin() {
    let registry = Registry::with_clock(by_hand);
    let entry = registry.register("GET /orders/7");
    let line = line!() - 1;
    pass(Duration::from_secs(3));
    let stragglers = registry.stragglers();
    assert_eq!(stragglers.len(), 1);
    assert_eq!(stragglers[0].name, "GET /orders/7");
    assert_eq!(stragglers[0].age, Duration::from_secs(3));
    assert_eq!(stragglers[0].created, Some(format!("{}:{line}", file!())));
    drop(entry);
    assert!(registry.stragglers().is_empty());
}

#[test]
fn the_oldest_comes_first_whichever_thread_registered_it() {
    let registry = Registry::with_clock(now);
    let mut entries = Vec::new();
    for name in ["first", "second", "third", "fourth", "fifth"] {
        let entry = thread::scope(|scope| scope.spawn(|| registry.register(name)).join());
        entries.push(entry.unwrap());
    }
    assert_eq!(names(&registry), ["first", "second", "third", "fourth", "fifth"]);
    drop(entries.remove(0));
    assert_eq!(names(&registry), ["second", "third", "fourth", "fifth"]);
}

#[test]
fn of_two_that_are_equally_old_the_one_registered_first_comes_first() {
    // `Shard` 3, also where a free place is given out again.
    let registry = Registry::with_clock(by_hand);
    let hole = registry.register("hole");
    let first = registry.register("first");
    drop(hole);
    let second = registry.register("second");
    assert_eq!(names(&registry), ["first", "second"]);
    drop((first, second));
}

#[test]
fn no_entry_is_lost_or_left_when_many_threads_come_and_go() {
    // `Shard` 1.
    let registry = Registry::with_clock(now);
    let kept = thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|thread| {
                let registry = &registry;
                scope.spawn(move || {
                    let mut kept = Vec::new();
                    for number in 0..5_000 {
                        let entry = registry.register(format!("{thread}/{number}"));
                        if number % 10 == 0 {
                            kept.push(entry);
                        }
                    }
                    kept
                })
            })
            .collect();
        for _ in 0..20 {
            assert!(registry.stragglers().len() <= 4 * 501);
        }
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    let mut expected: Vec<String> =
        (0..4).flat_map(|thread| (0..500).map(move |number| format!("{thread}/{}", number * 10))).collect();
    let mut found = names(&registry);
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
    drop(kept);
    assert!(registry.stragglers().is_empty());
}

#[test]
fn an_entry_outlives_its_registry() {
    let registry = Registry::with_clock(now);
    let entry = registry.register("last");
    drop(registry);
    drop(entry);
}

fn names(registry: &Registry) -> Vec<String> {
    registry.stragglers().into_iter().map(|straggler| straggler.name).collect()
}

fn by_hand() -> Instant {
    START.with(|start| *start) + PASSED.get()
}

fn pass(time: Duration) {
    PASSED.set(PASSED.get() + time);
}
