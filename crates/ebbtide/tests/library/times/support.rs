//! A lifecycle that is stopped, and what became of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use ebbtide::{BoxError, Handle, Lifecycle, Phase};

use crate::testing::Nothing;

/// The values that each setting is tried with.
pub(super) const VALUES: [Duration; 3] = [Duration::ZERO, Duration::from_nanos(1), Duration::MAX];

/// Longer than anything here takes.
pub(super) const LONG: Duration = Duration::from_secs(60);

/// What becomes of a lifecycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It is not started, and the budget's arithmetic is shown.
    Refused,
    /// It has stopped with this exit code, and its resource was closed.
    Closed(u8),
    /// It has stopped, and its resource was never closed.
    Lost(u8),
}

static PANICS: AtomicU64 = AtomicU64::new(0);

/// Counts the panics of this process from now on, in whatever task.
pub(super) fn count_panics() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        PANICS.fetch_add(1, Ordering::SeqCst);
        before(panic);
    }));
}

pub(super) fn panics() -> u64 {
    PANICS.load(Ordering::SeqCst)
}

/// Runs a lifecycle with a server and a resource beside what `register` adds, by signal handlers and a watchdog of its own, stops
/// it when it is ready, and says what became of it.
pub(super) fn live(lifecycle: Lifecycle, register: impl AsyncFnOnce(&Handle) -> Result<(), BoxError>) -> End {
    let closed = Arc::new(AtomicBool::new(false));
    let closing = Arc::clone(&closed);
    let report = lifecycle.run_to_report(async move |app| {
        app.resource("pool", (), |()| async move {
            closing.store(true, Ordering::SeqCst);
            Ok(())
        });
        register(&app).await?;
        let stopped = app.clone();
        app.once("stops it", |_| async move {
            stopped.reached(Phase::Ready).await;
            stopped.stop("enough");
            Ok(())
        });
        Ok(())
    });
    match report {
        Err(_) => End::Refused,
        Ok(report) if closed.load(Ordering::SeqCst) => End::Closed(report.exit_code),
        Ok(report) => End::Lost(report.exit_code),
    }
}

/// Registers a server that has nothing to serve: the lame duck waits where there is one.
pub(super) fn serve(app: &Handle) {
    app.serve("api", Arc::new(Nothing), |context| async move {
        context.stop.stopping().await;
        Ok(())
    });
}
