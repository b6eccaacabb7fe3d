//! The registry of stragglers: it lists every entry until it is dropped, oldest first, with its age and its origin. Also the auto
//! traits of each public type and future of the drain.

use std::cell::Cell;
use std::future::Ready;
use std::marker::PhantomPinned;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::thread;
use std::time::{Duration, Instant};

use ebbtide_core::drain::{
    Arrivals, Cancelled, Entry, Guard, Idle, Registry, Stop, StopSource, Stopping, Tracker, Unless,
};

use super::support::now;

thread_local! {
    static START: Instant = now();
    static PASSED: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

#[test]
fn a_straggler_has_its_name_its_age_and_its_origin() {
    let registry = Registry::with_clock(manual_clock);
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
fn entries_of_equal_age_are_listed_in_registration_order() {
    // `Shard` 3, also when a free place is reused.
    let registry = Registry::with_clock(manual_clock);
    let hole = registry.register("hole");
    let first = registry.register("first");
    drop(hole);
    let second = registry.register("second");
    assert_eq!(names(&registry), ["first", "second"]);
    drop((first, second));
}

#[test]
fn no_entry_is_lost_or_left_behind_under_concurrent_registration() {
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

fn manual_clock() -> Instant {
    START.with(|start| *start) + PASSED.get()
}

fn pass(time: Duration) {
    PASSED.set(PASSED.get() + time);
}

/// Returns whether a type implements a trait: the inherent constant hides the trait's constant if the bound holds.
macro_rules! has {
    ($type:ty: $($bound:tt)+) => {{
        trait Otherwise {
            const HAS: bool = false;
        }
        impl<T: ?Sized> Otherwise for T {}
        struct Of<T: ?Sized>(std::marker::PhantomData<T>);
        impl<T: ?Sized + $($bound)+> Of<T> {
            const HAS: bool = true;
        }
        // The unit type implements every trait used here, so this also reads both constants.
        assert!(<Of<()>>::HAS && !<Of<()> as Otherwise>::HAS);
        <Of<$type>>::HAS
    }};
}

macro_rules! table {
    ($($type:ty: $send:literal $sync:literal $unpin:literal $unwind:literal $clone:literal)+) => {
        $(
            assert_eq!(has!($type: Send), $send == "Send", "{}: Send", stringify!($type));
            assert_eq!(has!($type: Sync), $sync == "Sync", "{}: Sync", stringify!($type));
            assert_eq!(has!($type: Unpin), $unpin == "Unpin", "{}: Unpin", stringify!($type));
            let unwind = has!($type: UnwindSafe) && has!($type: RefUnwindSafe);
            assert_eq!(unwind, $unwind == "UnwindSafe", "{}: UnwindSafe", stringify!($type));
            assert_eq!(has!($type: Clone), $clone == "Clone", "{}: Clone", stringify!($type));
        )+
    };
}

#[test]
fn each_type_has_exactly_the_traits_of_the_table() {
    table! {
        StopSource:                           "Send" "Sync" "Unpin" "UnwindSafe" "-"
        Stop:                                 "Send" "Sync" "Unpin" "UnwindSafe" "Clone"
        Stopping<'static>:                    "Send" "Sync" "Unpin" "UnwindSafe" "-"
        Cancelled<'static>:                     "Send" "Sync" "Unpin" "UnwindSafe" "-"
        Unless<'static, Ready<()>>:           "Send" "Sync" "Unpin" "UnwindSafe" "-"
        Unless<'static, PhantomPinned>:       "Send" "Sync" "-"     "UnwindSafe" "-"
        Unless<'static, std::rc::Rc<()>>:     "-"    "-"    "Unpin" "UnwindSafe" "-"
        Tracker:                              "Send" "Sync" "Unpin" "UnwindSafe" "Clone"
        Guard:                                "Send" "Sync" "Unpin" "UnwindSafe" "-"
        Idle<'static>:                        "Send" "Sync" "Unpin" "UnwindSafe" "-"
        Registry:                             "Send" "Sync" "Unpin" "UnwindSafe" "Clone"
        Entry:                                "Send" "Sync" "Unpin" "UnwindSafe" "-"
        Arrivals:                             "Send" "Sync" "Unpin" "UnwindSafe" "Clone"
    }
}

#[test]
fn per_request_handles_are_small() {
    assert_eq!(size_of::<Guard>(), size_of::<usize>());
    assert_eq!(size_of::<Stop>(), size_of::<usize>());
    assert!(size_of::<Entry>() <= 2 * size_of::<usize>());
    assert!(size_of::<Stopping<'static>>() <= 5 * size_of::<usize>());
    assert!(size_of::<Idle<'static>>() <= 6 * size_of::<usize>());
}
