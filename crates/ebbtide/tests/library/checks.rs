//! Readiness checks, in one process.
#![expect(clippy::expect_used, reason = "a panic in a helper fails its test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ebbtide::model::{Cause, Check};
use ebbtide::{BoxError, Handle, LameDuck, Lifecycle, Phase, Report};
use tokio::sync::Notify;

const OFTEN: Duration = Duration::from_millis(1);

fn run<F>(start_up: F) -> Report
where
    F: AsyncFnOnce(Handle) -> Result<(), BoxError>,
{
    let lifecycle = Lifecycle::new("test").grace(Duration::from_secs(20)).lame_duck(LameDuck::NONE);
    lifecycle.run_to_report(start_up).expect("the lifecycle starts")
}

/// Counts the runs of a repeated action, and those that began after the stop signal.
#[derive(Clone, Default)]
struct Runs {
    all: Arc<AtomicU64>,
    late: Arc<AtomicU64>,
}

impl Runs {
    fn note(&self, app: &Handle) {
        self.all.fetch_add(1, Ordering::SeqCst);
        if app.stop_token().is_stopping() && app.phase() > Phase::Ready {
            self.late.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Requests the shutdown after some runs, and waits for 50 intervals in which further runs could begin.
    fn stop_after_some_runs(&self, app: &Handle) {
        let (all, stopper) = (Arc::clone(&self.all), app.clone());
        app.once("stopper", async move |_| {
            while all.load(Ordering::SeqCst) < 20 {
                tokio::time::sleep(OFTEN).await;
            }
            stopper.stop("enough");
            Ok(())
        });
        app.on_stop("waits", |_| async {
            // On the runtime of the other runs: on a busy machine it is delayed as they are.
            for _ in 0..50 {
                tokio::time::sleep(OFTEN).await;
            }
            Ok(())
        });
    }
}

#[test]
fn no_check_begins_after_the_stop_signal() {
    let runs = Runs::default();
    let noted = runs.clone();
    let report = run(async move |app| {
        let seen = app.clone();
        noted.stop_after_some_runs(&app);
        app.check("often", OFTEN, move || {
            noted.note(&seen);
            async { Ok::<_, BoxError>(()) }
        });
        Ok(())
    });
    assert_eq!(report.exit_code, 0, "{report:?}");
    assert!(runs.all.load(Ordering::SeqCst) >= 20);
    // One run may have begun on another thread at the time of the stop signal.
    assert!(runs.late.load(Ordering::SeqCst) <= 1);
}

#[test]
fn a_task_with_its_own_loop_continues_during_the_intake_stage() {
    let runs = Runs::default();
    let noted = runs.clone();
    run(async move |app| {
        let seen = app.clone();
        noted.stop_after_some_runs(&app);
        app.task("by hand", async move |stop| {
            while !stop.is_stopping() {
                noted.note(&seen);
                tokio::time::sleep(OFTEN).await;
            }
            Ok(())
        });
        Ok(())
    });
    assert!(runs.late.load(Ordering::SeqCst) > 1);
}

#[test]
fn a_running_check_does_not_delay_the_shutdown_and_a_slow_one_fails() {
    let statuses = Arc::new(std::sync::Mutex::new(Vec::new()));
    let kept = Arc::clone(&statuses);
    let report = run(async move |app| {
        let failed = Arc::new(Notify::new());
        let tell = Arc::clone(&failed);
        let mut runs = 0;
        app.check("hangs", Check::every(OFTEN).timeout(Duration::from_millis(20)), move || {
            runs += 1;
            if runs == 2 {
                tell.notify_one();
            }
            std::future::pending::<Result<(), BoxError>>()
        });
        failed.notified().await;
        *kept.lock().expect("not poisoned") = app.checks();
        app.stop("a run is under way");
        Ok(())
    });
    assert_eq!(report.exit_code, 0, "{report:?}");
    assert!(report.stop < Duration::from_secs(5), "{report:?}");
    let statuses = statuses.lock().expect("not poisoned");
    assert_eq!(statuses[0].error.as_deref(), Some("no response within 20ms"));
    assert!(!statuses[0].passing);
}

#[test]
fn a_check_that_panics_stops_the_lifecycle_and_is_named() {
    let report = run(async |app| {
        app.check("falls over", OFTEN, || async {
            assert!(std::hint::black_box(false), "a check's own mistake");
            Ok::<_, BoxError>(())
        });
        Ok(())
    });
    assert!(matches!(&report.cause, Some(Cause::Panicked { component, .. }) if component == "falls over"));
}

#[test]
fn a_critical_check_stops_nothing_before_the_start_up_has_finished() {
    let report = run(async |app| {
        let runs = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&runs);
        let fails = move || {
            count.fetch_add(1, Ordering::SeqCst);
            async { Err::<(), BoxError>("not yet".into()) }
        };
        app.check("slow to come", Check::every(OFTEN).critical(10 * OFTEN), fails);
        // Its time has passed many times, and no shutdown begins: the check fails, and the service is not ready in any case.
        while runs.load(Ordering::SeqCst) < 100 {
            tokio::time::sleep(OFTEN).await;
        }
        assert!(!app.stop_token().is_stopping());
        Ok(())
    });
    assert!(report.phases.iter().any(|change| change.phase == Phase::Ready), "{report:?}");
    assert!(
        matches!(&report.cause, Some(Cause::Unhealthy { check, error, .. })
        if check == "slow to come" && error == "not yet"),
        "{:?}",
        report.cause
    );
}
