#![expect(clippy::panic, reason = "a test fails with one of its brokers")]

use std::thread;

use ebbtide_demo::queue::QueueKind;

/// Runs something with each of several brokers at the same time: most of it is waiting.
///
/// # Panics
///
/// When one of them does, with all that did.
pub fn on_each(kinds: impl IntoIterator<Item = QueueKind>, something: impl Fn(QueueKind) + Sync) {
    let something = &something;
    let failed: Vec<_> = thread::scope(|threads| {
        let begun: Vec<_> = kinds
            .into_iter()
            .map(|kind| {
                let thread = thread::Builder::new().name(format!("on {}", kind.name()));
                let begun = thread.spawn_scoped(threads, move || something(kind));
                (kind, begun.unwrap_or_else(|error| panic!("no thread: {error}")))
            })
            .collect();
        let failed = |(kind, thread): (QueueKind, thread::ScopedJoinHandle<'_, ()>)| {
            thread.join().is_err().then(|| kind.name())
        };
        begun.into_iter().filter_map(failed).collect()
    });
    assert!(failed.is_empty(), "failed on {}", failed.join(", "));
}
