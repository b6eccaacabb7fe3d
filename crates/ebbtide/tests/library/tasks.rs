//! Background tasks that a request starts are finished before the process exits.
#![expect(clippy::expect_used, reason = "a panic in a helper fails its test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ebbtide::lifecycle::{Rejected, Tasks};
use ebbtide::model::{ComponentReport, Outcome};
use ebbtide::{BoxError, Handle, Report};
use tokio::sync::oneshot;

use crate::pool::run;

const LONG: Duration = Duration::from_secs(30);
/// A generous timeout: the tests await each end. A cancelled task needs more than an instant to notice on a busy machine.
const SHORT: Duration = Duration::from_secs(4);

fn audit(report: &Report) -> &ComponentReport {
    report.component("audit").expect("the component is registered")
}

/// A component that starts a task just before it ends, as the handler of a last request does.
fn serve_one(app: &Handle, leave: impl FnOnce() + Send + 'static) {
    app.subscriber("api", |stop| async move {
        stop.stopping().await;
        leave();
        Ok(())
    });
}

/// Takes longer than the request, and counts when it is done.
async fn record(done: Arc<AtomicU64>) -> Result<(), BoxError> {
    record_after(Duration::from_millis(20), done).await
}

async fn record_after(time: Duration, done: Arc<AtomicU64>) -> Result<(), BoxError> {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    tokio::time::sleep(time).await;
    done.fetch_add(1, Ordering::SeqCst);
    Ok(())
}

#[test]
fn a_background_task_started_by_a_request_during_the_drain_finishes() {
    let done = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&done);
    let report = run(LONG, async move |app| {
        let audit: Tasks = app.tasks("audit");
        audit.spawn(record(Arc::clone(&count)))?;
        serve_one(&app, move || drop(audit.spawn(record(count))));
        app.stop("enough");
        Ok(())
    });
    assert_eq!((report.exit_code, done.load(Ordering::SeqCst)), (0, 2), "{report:?}");
    let audit = audit(&report);
    assert_eq!((audit.in_flight_at_stop + audit.begun, audit.finished), (2, 2));
    assert_eq!(audit.unaccounted(), 0);
}

/// The opposite: the lifecycle does not wait for a task of tokio's `spawn`.
#[test]
fn a_task_spawned_outside_the_lifecycle_is_lost() {
    let done = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&done);
    let report = run(LONG, async move |app| {
        #[expect(clippy::disallowed_methods, reason = "the test needs a task without an owner")]
        serve_one(&app, move || drop(tokio::task::spawn(record_after(LONG, count))));
        app.stop("enough");
        Ok(())
    });
    assert_eq!((report.exit_code, done.load(Ordering::SeqCst)), (0, 0), "{report:?}");
}

#[test]
fn tasks_that_do_not_end_are_cancelled_counted_and_named_by_source_location() {
    let mut line = 0;
    let seen = &mut line;
    let report = run(SHORT, async move |app| {
        let audit: Tasks = app.tasks("audit");
        *seen = line!() + 1;
        audit.spawn(std::future::pending())?;
        app.stop("enough");
        Ok(())
    });
    assert_eq!(report.exit_code, 3, "{report:?}");
    let audit = audit(&report);
    assert_eq!((&audit.outcome, audit.cancelled), (&Some(Outcome::Cancelled), 1));
    let created = audit.stragglers.first().and_then(|straggler| straggler.created.as_ref());
    let created = created.expect("a location is recorded").to_string();
    assert!(created.contains(&format!("tasks.rs:{line}")), "{created}");
}

#[test]
fn a_task_that_observes_its_token_ends_in_time() {
    let report = run(LONG, async |app| {
        let audit: Tasks = app.tasks("audit");
        let stop = audit.stop_token();
        audit.spawn(async move {
            stop.stopping().await;
            Ok(())
        })?;
        app.stop("enough");
        Ok(())
    });
    assert_eq!((report.exit_code, audit(&report).finished), (0, 1), "{report:?}");
}

#[test]
fn errors_and_panics_of_tasks_are_counted_and_the_lifecycle_continues() {
    let report = run(LONG, async |app| {
        let audit: Tasks = app.tasks("audit");
        audit.spawn(async { Err("no".into()) })?;
        audit.spawn(async { panic!("on purpose") })?;
        while audit.in_flight() > 0 {
            tokio::task::yield_now().await;
        }
        let (again, heard) = oneshot::channel();
        audit.spawn(async move {
            let _ = again.send(());
            Ok(())
        })?;
        heard.await?;
        app.stop("enough");
        Ok(())
    });
    assert_eq!(report.exit_code, 0, "{report:?}");
    assert_eq!(audit(&report).unaccounted(), 0);
}

#[test]
fn a_group_that_has_stopped_returns_the_task() {
    let mut kept = None;
    let keep = &mut kept;
    let report = run(LONG, async move |app| {
        *keep = Some(app.tasks("audit"));
        app.stop("enough");
        Ok(())
    });
    assert_eq!(report.exit_code, 0);
    let audit: Tasks = kept.expect("the group was kept");
    assert!(audit.is_stopped());
    let rejected = audit.spawn(async { Ok(()) }).expect_err("the group has stopped");
    assert!(matches!(rejected, Rejected::Stopped(_)));
    assert_eq!(rejected.to_string(), "worker pool has stopped");
}

#[test]
fn tasks_may_return_the_users_error_type() {
    let report = run(LONG, async |app| {
        let audit = app.with_errors::<std::fmt::Error>().tasks("audit");
        let stop = audit.stop_token();
        audit.spawn(async move {
            // The report counts from the signal on.
            stop.stopping().await;
            Err(std::fmt::Error)
        })?;
        app.stop("enough");
        Ok(())
    });
    assert_eq!(report.exit_code, 0, "{report:?}");
    assert_eq!(audit(&report).failed, 1);
}
