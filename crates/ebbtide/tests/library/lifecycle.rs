//! What a lifecycle does with its components, in one process.
#![expect(clippy::expect_used, reason = "a panic in a helper fails its test")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ebbtide::lifecycle::{PoolOptions, Rejected};
use ebbtide::model::{ComponentReport, Outcome};
#[cfg(feature = "testing")]
use ebbtide::{Backoff, lifecycle::Retry};
use ebbtide::{BoxError, Handle, LameDuck, Lifecycle, Phase, Report};
use tokio::sync::Notify;

/// Runs a service that requests its shutdown.
fn run<F>(grace: Duration, start_up: F) -> Report
where
    F: AsyncFnOnce(Handle) -> Result<(), BoxError>,
{
    let lifecycle = Lifecycle::new("test").grace(grace).lame_duck(LameDuck::NONE);
    lifecycle.run_to_report(start_up).expect("the lifecycle starts")
}

fn component<'a>(report: &'a Report, name: &str) -> &'a ComponentReport {
    report.components.iter().find(|component| component.name == name).expect("the component is registered")
}

/// Records events, in order.
#[derive(Clone, Default)]
struct Diary(Arc<Mutex<Vec<String>>>);

impl Diary {
    fn note(&self, what: impl Into<String>) {
        self.0.lock().expect("not poisoned").push(what.into());
    }

    fn read(&self) -> Vec<String> {
        self.0.lock().expect("not poisoned").clone()
    }
}

const LONG: Duration = Duration::from_secs(30);

/// The lifecycle's references to its components are dropped with it.
#[test]
fn no_registered_component_outlives_the_lifecycle() {
    let kept = Arc::new(());
    let (value, close, held, job) =
        (Arc::clone(&kept), Arc::clone(&kept), Arc::clone(&kept), Arc::clone(&kept));
    let report = run(LONG, async move |app| {
        let held = move |_: &Arc<()>| {
            ebbtide::lifecycle::Held::new(u64::from(Arc::strong_count(&held) == 0), "users")
        };
        app.resource_holding("db", value, held, move |_| async move {
            drop(close);
            Ok(())
        });
        app.workers("pool", 1, move |(): (), _| {
            let job = Arc::clone(&job);
            async move {
                drop(job);
                Ok(())
            }
        });
        app.stop("enough");
        Ok(())
    });
    assert_eq!(report.exit_code, 0, "{report:?}");
    // The runtime's threads drop their tasks later; a leak would hold them for ever.
    while Arc::strong_count(&kept) > 1 {
        std::thread::yield_now();
    }
}

#[test]
fn a_pool_finishes_its_queued_jobs_before_its_resources_close() {
    let diary = Diary::default();
    let written = diary.clone();
    let report = run(LONG, async move |app| {
        let closed = written.clone();
        app.resource("db", (), move |()| async move {
            closed.note("closed");
            Ok(())
        });
        let done = written.clone();
        let pool = app.workers("pool", PoolOptions::new(2).capacity(100), move |n: u32, _| {
            let done = done.clone();
            async move {
                tokio::time::sleep(Duration::from_millis(5)).await;
                done.note(format!("job {n}"));
                Ok(())
            }
        });
        for n in 0..50 {
            pool.send(n).await?;
        }
        app.stop("enough");
        Ok(())
    });
    assert_eq!(report.exit_code, 0, "{report:?}");
    let diary = diary.read();
    assert_eq!(diary.len(), 51);
    assert_eq!(diary.last().map(String::as_str), Some("closed"));
    let pool = component(&report, "pool");
    assert_eq!(pool.outcome, Some(Outcome::Drained));
    assert_eq!((pool.in_flight_at_stop, pool.cancelled), (pool.finished, 0));
}

/// With the paused clock, so that nothing is late and the watchdog does not intervene.
#[cfg(feature = "testing")]
#[tokio::test(start_paused = true)]
async fn a_pool_at_its_deadline_counts_cancelled_jobs() {
    let lifecycle = ebbtide::testing::lifecycle("test").grace(Duration::from_millis(600));
    let service = ebbtide::testing::Trial::start(lifecycle, async |app| {
        let pool = app.workers("pool", PoolOptions::new(2).capacity(10), |n: u32, stop| async move {
            // Half of the jobs return when they are cancelled; the other half never ends.
            stop.cancelled().await;
            if n.is_multiple_of(2) { Ok(()) } else { std::future::pending().await }
        });
        for n in 0..7 {
            pool.send(n).await?;
        }
        app.stop("enough");
        Ok(())
    });
    let report = service.exited().await;
    let pool = component(&report, "pool");
    assert_eq!(report.exit_code, 3);
    assert_eq!(pool.outcome, Some(Outcome::Cancelled));
    assert_eq!((pool.in_flight_at_stop, pool.finished, pool.cancelled), (7, 0, 7), "{pool:?}");
    assert_eq!(pool.stragglers.len(), 2, "two were running: {pool:?}");
}

#[cfg(feature = "testing")]
#[tokio::test(start_paused = true)]
async fn an_attempt_that_exceeds_its_timeout_fails_and_is_retried() {
    let service = ebbtide::testing::Trial::start(ebbtide::testing::lifecycle("test"), async |_| Ok(()));
    service.ready().await;
    let (app, second) = (service.handle(), Duration::from_secs(1));
    let retry = Retry::new(Backoff::new(second, second)).timeout(3 * second).attempts(3);
    let (begun, mut tried) = (app.snapshot().age, 0);
    let there = app.retry("db", retry, async || {
        tried += 1;
        // The first two attempts take too long; the last one just does not.
        tokio::time::sleep(if tried < 3 { 4 * second } else { 2 * second }).await;
        Ok::<_, BoxError>("there")
    });
    assert_eq!(there.await.expect("the last attempt succeeds"), "there");
    // Two timeouts, two pauses between half a second and one second, and the successful attempt.
    let took = app.snapshot().age - begun;
    assert!((9 * second..=10 * second + second / 10).contains(&took), "{took:?}");
    // The opposite: every attempt fails.
    let never = app.retry("db", retry, async || std::future::pending::<Result<(), BoxError>>().await);
    let error = never.await.expect_err("every attempt fails");
    assert!(error.to_string().contains("after 3 attempts"), "{error}");
    let source = std::error::Error::source(&error).expect("what the last one failed with");
    assert_eq!(source.to_string(), "no response within 3s");
}

#[test]
fn a_job_that_fails_or_panics_does_not_end_its_pool() {
    let report = run(LONG, async |app| {
        let pool = app.workers("pool", 1, |n: u32, _| async move {
            assert!(n != 1, "job 1 panics");
            if n == 0 { Err("job 0 fails".into()) } else { Ok(()) }
        });
        for n in 0..3 {
            pool.send(n).await?;
        }
        app.stop("enough");
        Ok(())
    });
    assert_eq!(report.exit_code, 0, "{report:?}");
    assert_eq!(component(&report, "pool").cancelled, 0);
}

#[test]
fn a_full_pool_applies_backpressure_and_a_stopped_pool_returns_the_job() {
    let kept = Arc::new(Mutex::new(None));
    let keep = Arc::clone(&kept);
    run(LONG, async move |app| {
        let gate = Arc::new(Notify::new());
        let open = Arc::clone(&gate);
        let pool = app.workers("pool", PoolOptions::new(1).capacity(1), move |_: u32, _| {
            let open = Arc::clone(&open);
            async move {
                open.notified().await;
                Ok(())
            }
        });
        pool.send(1).await?;
        // The first job is running or about to; the queue holds one more.
        while pool.queued() > 0 {
            tokio::task::yield_now().await;
        }
        pool.try_send(2).map_err(|_| "there is room for one")?;
        assert_eq!(pool.try_send(3), Err(Rejected::Full(3)));
        gate.notify_one();
        while pool.queued() > 0 {
            tokio::task::yield_now().await;
        }
        gate.notify_one();
        *keep.lock().expect("not poisoned") = Some(pool);
        app.stop("enough");
        Ok(())
    });
    let pool = kept.lock().expect("not poisoned").take().expect("kept");
    assert_eq!(pool.try_send(4), Err(Rejected::Stopped(4)));
}

#[test]
fn a_ticker_starts_no_run_after_the_stop_signal_and_finishes_the_current_one() {
    let (begun, finished) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let (begin, finish) = (Arc::clone(&begun), Arc::clone(&finished));
    let report = run(LONG, async move |app| {
        let stopper = app.clone();
        app.every("ticker", Duration::from_millis(1), move || {
            let (finish, stopper) = (Arc::clone(&finish), stopper.clone());
            let n = begin.fetch_add(1, Ordering::SeqCst);
            async move {
                if n == 4 {
                    stopper.stop("the fifth run is under way");
                    stopper.reached(Phase::LameDuck).await;
                    // As many intervals as further runs would have needed.
                    for _ in 0..20 {
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                }
                finish.fetch_add(1, Ordering::SeqCst);
                Ok(())
            }
        });
        Ok(())
    });
    assert_eq!(report.exit_code, 0, "{report:?}");
    assert_eq!((begun.load(Ordering::SeqCst), finished.load(Ordering::SeqCst)), (5, 5));
}

#[test]
fn hooks_run_concurrently_at_the_stop_signal() {
    let report = run(LONG, async |app| {
        let meet = Arc::new(tokio::sync::Barrier::new(2));
        for name in ["leave discovery", "drop the lease"] {
            let meet = Arc::clone(&meet);
            app.on_stop(name, move |_| async move {
                meet.wait().await;
                Ok(())
            });
        }
        app.stop("enough");
        Ok(())
    });
    assert_eq!(report.exit_code, 0, "{report:?}");
}

#[test]
fn a_per_component_deadline_cancels_before_the_stages_deadline() {
    let report = run(LONG, async |app| {
        app.within(Duration::from_millis(50)).resource("slow", (), |()| std::future::pending::<()>());
        app.stop("enough");
        Ok(())
    });
    assert_eq!(component(&report, "slow").outcome, Some(Outcome::Cancelled));
    assert!(report.stop < Duration::from_secs(5), "{report:?}");
}

#[test]
fn resources_registered_during_the_shutdown_are_closed_too() {
    let diary = Diary::default();
    let written = diary.clone();
    let report = run(LONG, async move |app| {
        let late = app.clone();
        app.on_stop("opens something", move |_| async move {
            late.resource("late", (), move |()| async move {
                written.note("closed late");
                Ok(())
            });
            Ok(())
        });
        app.stop("enough");
        Ok(())
    });
    assert_eq!(report.exit_code, 0, "{report:?}");
    assert_eq!(diary.read(), ["closed late"]);
}

#[test]
fn the_stop_token_has_the_cause_and_the_time_left() {
    let report = run(LONG, async |app| {
        let stop = app.stop_token();
        assert!(!stop.is_stopping() && stop.cause().is_none() && stop.time_left().is_none());
        let token = stop.clone();
        app.once("looks", move |own| async move {
            token.stopping().await;
            assert_eq!(token.cause().map(ToString::to_string).as_deref(), Some("requested: enough"));
            assert!(token.time_left().is_some_and(|left| left <= Duration::from_secs(25)));
            own.stopping().await;
            assert!(own.time_left() < token.time_left(), "the stage has less time than the whole shutdown");
            Ok(())
        });
        app.stop("enough");
        app.stop("never heard");
        Ok(())
    });
    assert_eq!(report.exit_code, 0, "{report:?}");
}
