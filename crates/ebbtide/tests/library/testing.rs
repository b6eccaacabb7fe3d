//! The testing module: a lifecycle inside a test, with the test's clock.
#![expect(clippy::expect_used, reason = "a panic in a helper fails its test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ebbtide::model::{Outcome, Platform};
use ebbtide::testing::{self, Trial};
use ebbtide::{BoxError, Cause, Exit, Handle, LameDuck, Lifecycle, Phase};

use crate::own_process;

#[expect(clippy::disallowed_methods, reason = "measures how long the test takes in real time")]
fn now() -> Instant {
    Instant::now()
}

async fn one_that_hangs(app: Handle) -> Result<(), BoxError> {
    app.resource("pool", (), |()| std::future::pending::<()>());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_on_the_paused_clock_takes_the_planned_time_and_no_real_time() {
    let begun = now();
    for (grace, deadline) in [(30, 25), (300, 295)] {
        let lifecycle = testing::lifecycle("orders").grace(Duration::from_secs(grace));
        let service = Trial::start(lifecycle, one_that_hangs);
        service.ready().await;
        let plan = service.handle().plan().clone();
        assert_eq!(plan.deadline, Duration::from_secs(deadline));
        let report = service.stop().await;
        assert_eq!((report.exit_code, &report.cause), (Exit::CANCELLED, &Some(Cause::Signal { number: 15 })));
        assert_eq!(report.component("pool").unwrap().outcome, Some(Outcome::Cancelled));
        // Its task is cancelled in time for the abort, half an allowance later.
        assert_eq!(report.stop, plan.resources_end - plan.cancel_allowance / 2);
    }
    assert!(begun.elapsed() < Duration::from_secs(10), "325 s have passed on the paused clock");
}

#[tokio::test(start_paused = true)]
async fn a_trial_shutdown_also_runs_on_the_real_clock() {
    tokio::time::resume();
    let service =
        Trial::start(testing::lifecycle("orders").grace(Duration::from_millis(600)), one_that_hangs);
    service.ready().await;
    let begun = now();
    let report = service.stop().await;
    assert_eq!(report.exit_code, Exit::CANCELLED);
    assert!(begun.elapsed() >= report.stop && report.stop >= Duration::from_millis(300), "{report:?}");
}

#[tokio::test(start_paused = true)]
async fn several_trials_run_concurrently_and_in_sequence() {
    for round in 0..3 {
        let begin = |name: &'static str, count: u32| {
            Trial::start(testing::lifecycle(name), move |app: Handle| async move {
                let pool = app.workers("pool", 1, |_: u32, _| async {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    Ok(())
                });
                for n in 0..count {
                    pool.send(n).await?;
                }
                Ok(())
            })
        };
        let (one, other) = (begin("one", 3), begin("other", 7));
        tokio::join!(one.ready(), other.ready());
        let report = one.stop().await;
        assert_eq!((report.name.as_str(), report.exit_code), ("one", 0), "round {round}: {report:?}");
        assert_eq!(other.phase(), Phase::Ready, "the other one does not stop");
        let report = other.stop().await;
        assert_eq!((report.name.as_str(), report.exit_code), ("other", 0), "round {round}: {report:?}");
    }
}

#[cfg(feature = "cron")]
#[tokio::test(start_paused = true)]
async fn cron_schedules_follow_the_paused_clock() {
    let (note, mut noted) = tokio::sync::mpsc::unbounded_channel();
    let service = Trial::start(testing::lifecycle("orders"), async move |app| {
        app.every("report", ebbtide::lifecycle::Every::cron("@hourly")?, move || {
            let _ = note.send(());
            async { Ok(()) }
        });
        Ok(())
    });
    service.ready().await;
    let (begun, mut came) = (now(), Vec::new());
    for _ in 0..3 {
        noted.recv().await.expect("the schedule continues");
        came.push(service.handle().snapshot().age);
    }
    let apart: Vec<u64> =
        came.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64().round() as u64).collect();
    assert_eq!(apart, [3600, 3600]);
    assert!(begun.elapsed() < Duration::from_secs(1800), "hours have passed on the paused clock");
    assert_eq!(service.stop().await.exit_code, 0);
}

#[tokio::test(start_paused = true)]
async fn a_second_signal_ends_the_lifecycle_and_not_the_process() {
    let service = Trial::start(testing::lifecycle("orders"), one_that_hangs);
    service.ready().await;
    service.terminate();
    service.reached(Phase::Closing).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    service.terminate();
    let report = service.exited().await;
    assert_eq!(report.exit_code, 143);
    assert_eq!(report.component("pool").unwrap().outcome, None, "the lifecycle did not wait for the pool");
}

#[tokio::test(start_paused = true)]
async fn a_duplicate_of_a_signal_changes_nothing() {
    let service = Trial::start(testing::lifecycle("orders"), async |_| Ok(()));
    service.ready().await;
    service.terminate();
    service.terminate();
    service.interrupt();
    assert_eq!(service.exited().await.exit_code, 0);

    // The opposite: without a guard time the second signal ends it.
    let lifecycle = testing::lifecycle("orders").signal_guard(Duration::ZERO);
    let service = Trial::start(lifecycle, one_that_hangs);
    service.ready().await;
    service.terminate();
    service.terminate();
    assert_eq!(service.exited().await.exit_code, 143);
}

#[tokio::test(start_paused = true)]
async fn a_second_stop_request_is_not_a_second_signal() {
    let service = Trial::start(testing::lifecycle("orders"), async |_| Ok(()));
    service.ready().await;
    service.terminate();
    assert_eq!(service.stop().await.exit_code, 0);
}

#[tokio::test(start_paused = true)]
async fn a_signal_during_start_up_abandons_it_and_closes_what_was_opened() {
    let service = Trial::start(testing::lifecycle("orders"), async |app| {
        app.resource("db", (), |()| async { Ok(()) });
        std::future::pending().await
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(service.phase(), Phase::Starting);
    let report = service.stop().await;
    assert_eq!(report.exit_code, 0, "{report:?}");
    assert_eq!(report.component("db").unwrap().outcome, Some(Outcome::Drained));
    assert!(report.phases.iter().all(|change| change.phase != Phase::Ready));
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "the service is not ready but exited: start-up failed: no database")]
async fn waiting_for_a_failed_start_up_panics_with_its_error() {
    let service = Trial::start(testing::lifecycle("orders"), async |_| Err("no database".into()));
    service.reached(Phase::Exited).await;
    service.ready().await;
}

#[tokio::test]
#[should_panic(expected = "invalid budget: 29s (lame duck maximum)")]
async fn an_impossible_budget_panics_with_its_arithmetic() {
    let lifecycle = testing::lifecycle("orders").grace(Duration::from_secs(30));
    let _service =
        Trial::start(lifecycle.lame_duck(LameDuck::exactly(Duration::from_secs(29))), async |_| Ok(()));
}

#[tokio::test(start_paused = true)]
async fn ctrl_c_skips_the_lame_duck_and_sigterm_does_not() {
    for (ctrl_c, expected) in [(false, Duration::from_secs(5)), (true, Duration::ZERO)] {
        let lifecycle = testing::lifecycle_on(Platform::Kubernetes, "orders");
        let service = Trial::start(lifecycle, async |app| {
            app.serve("server", Arc::new(Nothing), |context| async move {
                context.stop.stopping().await;
                Ok(())
            });
            Ok(())
        });
        service.ready().await;
        if ctrl_c {
            service.interrupt()
        } else {
            service.terminate()
        }
        let report = service.exited().await;
        assert_eq!((report.exit_code, report.stop), (0, expected), "{report:?}");
    }
}

/// With paused time, a timer (here the flusher's deadline) fires before any work on another thread completes.
#[tokio::test(start_paused = true)]
async fn a_flusher_that_takes_real_time_is_awaited_with_paused_time() {
    let flushed = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&flushed);
    let service = Trial::start(testing::lifecycle("orders"), async move |app| {
        app.on_flush("log", move || {
            std::thread::sleep(Duration::from_millis(100));
            count.fetch_add(1, Ordering::SeqCst);
        });
        Ok(())
    });
    service.ready().await;
    let report = service.stop().await;
    assert_eq!((report.exit_code, flushed.load(Ordering::SeqCst)), (0, 1), "{report:?}");
}

#[tokio::test(start_paused = true)]
async fn flushers_run_sequentially_and_those_of_the_builder_last() {
    let (note, noted) = std::sync::mpsc::channel();
    let flush = |name: &'static str| {
        let note = note.clone();
        move || {
            let _ = note.send(name);
        }
    };
    let lifecycle = testing::lifecycle("orders").on_flush("log", flush("log"));
    let (first, second) = (flush("first"), flush("second"));
    let service = Trial::start(lifecycle, async move |app| {
        app.on_flush("first", first);
        app.on_flush("second", second);
        Ok(())
    });
    service.ready().await;
    assert_eq!(service.stop().await.exit_code, 0);
    assert_eq!(noted.try_iter().collect::<Vec<_>>(), ["second", "first", "log"]);
}

#[tokio::test(start_paused = true)]
async fn a_failed_flusher_is_reported_and_flushers_get_the_time_left() {
    let service = Trial::start(testing::lifecycle("orders").grace(Duration::from_secs(30)), async |app| {
        app.try_on_flush("spans", |left| Err(format!("{left:?} were not enough").into()));
        Ok(())
    });
    service.ready().await;
    let report = service.stop().await;
    let error = "24s were not enough".to_owned();
    assert_eq!(report.exit_code, Exit::FAILED);
    assert_eq!(report.component("spans").unwrap().outcome, Some(Outcome::Failed { error }));
}

/// The opposite: the next timer fires before work on an unknown thread completes.
#[tokio::test(start_paused = true)]
async fn paused_time_does_not_wait_for_a_foreign_thread() {
    let service = Trial::start(testing::lifecycle("orders"), async |app| {
        app.resource("pool", (), |()| async {
            let (done, waits) = tokio::sync::oneshot::channel();
            let slow = move || {
                std::thread::sleep(Duration::from_millis(200));
                let _ = done.send(());
            };
            std::thread::Builder::new().spawn(slow)?;
            Ok(waits.await?)
        });
        Ok(())
    });
    service.ready().await;
    assert_eq!(service.stop().await.exit_code, Exit::CANCELLED);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_trial_aborts_all_its_tasks() {
    let held = Arc::new(());
    let task = Arc::clone(&held);
    let service = Trial::start(testing::lifecycle("orders"), async move |app| {
        app.task("holds", move |_| async move {
            let _task = task;
            std::future::pending().await
        });
        Ok(())
    });
    service.ready().await;
    assert_eq!(Arc::strong_count(&held), 2);
    drop(service);
    while Arc::strong_count(&held) > 1 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_trial_passes_its_report_to_the_callback() {
    let (hand, over) = std::sync::mpsc::channel();
    let lifecycle = testing::lifecycle("orders").on_report(move |report| drop(hand.send(report.clone())));
    let service = Trial::start(lifecycle, async |app| {
        app.stop("had enough");
        Ok(())
    });
    let report = service.exited().await;
    assert_eq!(report.cause, Some(Cause::Requested { reason: "had enough".to_owned() }));
    assert_eq!(over.try_recv(), Ok(report));
}

/// In a separate process: the signal handlers of a real lifecycle stay installed after it.
#[test]
fn a_trial_installs_no_signal_handler_and_starts_no_thread() {
    own_process::run("testing::a_trial_installs_no_signal_handler_and_starts_no_thread", signals_and_threads);
}

#[tokio::main(flavor = "current_thread")]
async fn signals_and_threads() {
    let service = Trial::start(testing::lifecycle("orders"), async |_| Ok(()));
    service.ready().await;
    assert!(!takes_sigterm() && !has_a_watchdog());
    assert_eq!(service.stop().await.exit_code, 0);
    assert!(!takes_sigterm() && !has_a_watchdog());
    // The opposite: a real lifecycle.
    let _real = Lifecycle::new("real");
    assert!(takes_sigterm());
    // A thread sets its name after it has started.
    while !has_a_watchdog() {
        tokio::task::yield_now().await;
    }
}

/// Reads `SigCgt` of `proc(5)`: the signals that have a handler.
fn takes_sigterm() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").expect("there is /proc");
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).expect("a line of its own");
    u64::from_str_radix(caught.trim(), 16).expect("hexadecimal") & (1 << 14) != 0
}

fn has_a_watchdog() -> bool {
    let threads = std::fs::read_dir("/proc/self/task").expect("there is /proc");
    let names =
        threads.flatten().filter_map(|thread| std::fs::read_to_string(thread.path().join("comm")).ok());
    names.into_iter().any(|name| name.starts_with("ebbtide watchdo"))
}

/// A component in place of a server.
#[derive(Debug)]
pub(crate) struct Nothing;

impl ebbtide::drain::Work for Nothing {
    fn in_flight(&self) -> u64 {
        0
    }

    fn finished(&self) -> u64 {
        0
    }

    fn cancelled(&self) -> u64 {
        0
    }

    fn stragglers(&self) -> Vec<ebbtide::model::Straggler> {
        Vec::new()
    }
}
