use std::time::Instant;

use loom::model;
use loom::thread;

use crate::drain::Registry;

#[test]
fn a_snapshot_has_every_present_entry_and_no_removed_one() {
    model(|| {
        let registry = Registry::with_clock(clock);
        let gone = registry.register("gone");
        drop(gone);
        let staying = registry.register("staying");
        let coming = {
            let registry = registry.clone();
            thread::spawn(move || registry.register("coming"))
        };
        let leaving = {
            let entry = registry.register("leaving");
            thread::spawn(move || drop(entry))
        };
        let seen = names(&registry);
        assert!(seen.contains(&"staying".to_owned()));
        assert!(!seen.contains(&"gone".to_owned()));
        let came = coming.join().unwrap();
        leaving.join().unwrap();
        let mut after = names(&registry);
        after.sort();
        assert_eq!(after, ["coming", "staying"]);
        drop((staying, came));
        assert!(names(&registry).is_empty());
    });
}

#[test]
fn an_entry_dropped_on_another_thread_removes_only_itself() {
    // `Shard` 1: a place that becomes free may be reused at once.
    model(|| {
        let registry = Registry::with_clock(clock);
        let first = registry.register("first");
        let elsewhere = thread::spawn(move || drop(first));
        let second = registry.register("second");
        elsewhere.join().unwrap();
        assert_eq!(names(&registry), ["second"]);
        drop(second);
    });
}

fn names(registry: &Registry) -> Vec<String> {
    registry.stragglers().into_iter().map(|straggler| straggler.name).collect()
}

#[expect(clippy::disallowed_methods, reason = "a model has no clock; ages don't matter to it")]
fn clock() -> Instant {
    Instant::now()
}
