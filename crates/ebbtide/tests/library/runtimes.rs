//! A lifecycle on the caller's runtime. A test that handles the process's signals runs in a separate process.
#![expect(clippy::unwrap_used, reason = "a panic in a helper fails its test")]

use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use ebbtide::lifecycle::Signal;
use ebbtide::model::{Cause, Outcome};
use ebbtide::{LameDuck, Lifecycle, Phase, Report, Stage};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

use crate::own_process;

const LONG: Duration = Duration::from_secs(30);

/// A runtime with one thread, and one with several.
fn flavors() -> [Runtime; 2] {
    [Builder::new_current_thread(), Builder::new_multi_thread()]
        .map(|mut builder| builder.enable_all().build().unwrap())
}

fn lifecycle() -> Lifecycle {
    Lifecycle::new("test").grace(LONG).lame_duck(LameDuck::NONE)
}

fn raise(number: i32) {
    signal_hook::low_level::raise(number).unwrap();
}

/// Drains on SIGTERM: a task in flight, and the resource that it uses.
async fn served() -> Report {
    let report = lifecycle().run_async_to_report(async |app| {
        let pool = app.resource("pool", Arc::new(()), async |_| Ok(()));
        let ready = app.clone();
        app.task("worker", move |stop| async move {
            ready.reached(Phase::Ready).await;
            raise(libc::SIGTERM);
            stop.stopping().await;
            tokio::time::sleep(Duration::from_millis(20)).await;
            drop(pool);
            Ok(())
        });
        Ok(())
    });
    report.await.unwrap()
}

#[test]
fn a_lifecycle_drains_on_the_runtime_of_its_caller() {
    own_process::run("runtimes::a_lifecycle_drains_on_the_runtime_of_its_caller", || {
        for runtime in flavors() {
            // Several times: a lifecycle leaves nothing behind.
            for _ in 0..3 {
                let report = runtime.block_on(served());
                assert_eq!(report.exit_code, 0, "{report:?}");
                assert_eq!(report.cause, Some(Cause::Signal { number: libc::SIGTERM }));
                for name in ["worker", "pool"] {
                    assert_eq!(report.component(name).unwrap().outcome, Some(Outcome::Drained), "{name}");
                }
            }
        }
    });
}

/// The watchdog counts from the arrival of the signal, so the stages must too: otherwise it would end the process before a
/// component is cancelled at its own deadline.
#[test]
fn a_runtime_that_is_blocked_at_the_signal_does_not_delay_the_deadlines() {
    own_process::run(
        "runtimes::a_runtime_that_is_blocked_at_the_signal_does_not_delay_the_deadlines",
        || {
            const BLOCKED: Duration = Duration::from_secs(3);
            // Workers are cancelled some 4 s after the signal, of the 25 s before the deadline.
            let lifecycle = lifecycle().reserve(Stage::Resources, Duration::from_secs(20)).worker_threads(1);
            let arrived = Arc::new(OnceLock::new());
            let noted = Arc::clone(&arrived);
            let report = lifecycle.run_to_report(async move |app| {
                let ready = app.clone();
                app.once("blocks", async move |_| {
                    ready.reached(Phase::Ready).await;
                    noted.set(now()).unwrap();
                    raise(libc::SIGTERM);
                    std::thread::sleep(BLOCKED);
                    Ok(())
                });
                app.task("hangs", |_| pending());
                Ok(())
            });
            let (report, elapsed) = (report.unwrap(), arrived.get().unwrap().elapsed());
            assert_eq!(report.exit_code, 3, "{report:?}");
            assert_eq!(report.component("hangs").unwrap().outcome, Some(Outcome::Cancelled));
            let counted_late = elapsed.saturating_sub(report.stop);
            assert!(counted_late < BLOCKED / 2, "{counted_late:?} of {elapsed:?} do not count");
            let cancelled = report.plan.workers_end - report.plan.cancel_allowance;
            assert!(report.stop >= cancelled, "{:?}", report.stop);
            assert!(report.stop < cancelled + BLOCKED / 2, "{:?}", report.stop);
        },
    );
}

#[expect(clippy::disallowed_methods, reason = "the time since a signal is real")]
fn now() -> Instant {
    Instant::now()
}

#[test]
fn the_programs_signal_handlers_work_before_and_after_a_lifecycle() {
    own_process::run("runtimes::the_programs_signal_handlers_work_before_and_after_a_lifecycle", || {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let kind = tokio::signal::unix::SignalKind::terminate();
            let mut before = tokio::signal::unix::signal(kind).unwrap();
            served().await;
            before.recv().await.unwrap();
            raise(libc::SIGTERM);
            before.recv().await.unwrap();
        });
    });
}

#[test]
fn run_inside_a_runtime_and_run_async_outside_one_are_errors_not_panics() {
    let test = "runtimes::run_inside_a_runtime_and_run_async_outside_one_are_errors_not_panics";
    if own_process::is_child() {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let inside = runtime.block_on(async { lifecycle().run_to_report(async |_| Ok(())) });
        assert!(inside.is_err());
        // The thread for blocking calls belongs to the runtime, and may have another one.
        let beside = runtime.block_on(async {
            let run = || {
                lifecycle().run_to_report(async |app| {
                    app.stop("enough");
                    Ok(())
                })
            };
            tokio::task::spawn_blocking(run).await.unwrap()
        });
        assert_eq!(beside.unwrap().exit_code, 0);
        let mut outside = Box::pin(lifecycle().run_async_to_report(async |_| Ok(())));
        let waker = std::task::Waker::noop();
        let polled = outside.as_mut().poll(&mut std::task::Context::from_waker(waker));
        assert!(matches!(polled, std::task::Poll::Ready(Err(_))));
        return;
    }
    let output = own_process::command(test).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("`run` called within a tokio runtime") && said.contains("`run_async` called outside"),
        "{said}"
    );
}

#[test]
fn a_lifecycle_whose_future_is_dropped_drains_and_releases_the_signals() {
    let test = "runtimes::a_lifecycle_whose_future_is_dropped_drains_and_releases_the_signals";
    own_process::run(test, || {
        for runtime in flavors() {
            for starts in [true, false] {
                let (tell, told) = oneshot::channel();
                let closed = Arc::new(AtomicBool::new(false));
                let close = Arc::clone(&closed);
                runtime.block_on(async {
                    let (opened, opens) = oneshot::channel();
                    let kept = Arc::new(std::sync::Mutex::new(None));
                    let keep = Arc::clone(&kept);
                    let running = lifecycle().run_async(async move |app| {
                        app.resource("pool", (), move |()| async move {
                            close.store(true, Ordering::SeqCst);
                            Ok(())
                        });
                        app.on_flush("last", move || {
                            let _ = tell.send(());
                        });
                        *keep.lock().unwrap() = Some(app);
                        let _ = opened.send(());
                        if starts { pending().await } else { Ok(()) }
                    });
                    tokio::select! {
                        _ = running => unreachable!("the lifecycle waits for a signal"),
                        opened = opens => opened.unwrap(),
                    }
                    // The `select!` has dropped it.
                    tokio::time::timeout(LONG, told).await.unwrap().unwrap();
                    let app = kept.lock().unwrap().take().unwrap();
                    app.reached(Phase::Exited).await;
                    assert!(closed.load(Ordering::SeqCst));
                    let stop = app.stop_token();
                    let cause = stop.cause();
                    assert!(cause.is_some_and(|cause| cause.to_string().contains("dropped")));
                    // The next lifecycle installs its handlers, and gets the signals.
                    assert_eq!(served().await.exit_code, 0);
                });
            }
        }
    });
}

/// The opposite of the deadline: the runtime with one thread is blocked, and the watchdog ends the process. The report names the
/// signal, which the runtime never processed.
#[test]
fn a_blocked_runtime_of_one_thread_is_ended_at_the_deadline() {
    let test = "runtimes::a_blocked_runtime_of_one_thread_is_ended_at_the_deadline";
    if own_process::is_child() {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let lifecycle = Lifecycle::new("test").grace(Duration::from_secs(2)).lame_duck(LameDuck::NONE);
        let _code = runtime.block_on(lifecycle.run_async(async |app| {
            app.task("blocks", |_stop| async {
                raise(libc::SIGTERM);
                std::thread::sleep(LONG * 10);
                Ok(())
            });
            Ok(())
        }));
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.json");
    let output = own_process::command(test).env("EBBTIDE_REPORT", &path).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains("blocks") && said.contains("after the shutdown began"), "{said}");
    let report: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(report["cause"], serde_json::json!({ "kind": "signal", "number": libc::SIGTERM }));
    assert!(report["stop_ms"].as_u64() > Some(1000), "{report}");
}

/// Returns whether the process handles a signal.
fn is_handled(number: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
    u64::from_str_radix(caught.trim(), 16).unwrap() >> (number - 1) & 1 == 1
}

#[test]
fn a_lifecycle_without_signals_leaves_them_to_the_program() {
    own_process::run("runtimes::a_lifecycle_without_signals_leaves_them_to_the_program", || {
        let handled = |lifecycle: Lifecycle| {
            let mut handled = Vec::new();
            let report = lifecycle.lame_duck(LameDuck::NONE).run_to_report(async |app| {
                handled = [libc::SIGTERM, libc::SIGINT, libc::SIGQUIT].map(is_handled).to_vec();
                app.stop("enough");
                Ok(())
            });
            assert_eq!(report.unwrap().exit_code, 0);
            handled
        };
        assert_eq!(handled(Lifecycle::without_signals("test")), [false, false, false]);
        let chosen = Lifecycle::without_signals("test").also_on(Signal::Quit);
        assert_eq!(handled(chosen), [false, false, true]);
        // The opposite: with signals.
        assert_eq!(handled(Lifecycle::new("test")), [true, true, false]);
    });
}

#[test]
fn a_lifecycle_without_signals_ends_at_its_deadline() {
    let test = "runtimes::a_lifecycle_without_signals_ends_at_its_deadline";
    if own_process::is_child() {
        let lifecycle = Lifecycle::without_signals("test").grace(Duration::from_secs(2));
        let _code = lifecycle.lame_duck(LameDuck::NONE).run(async |app| {
            app.stop("enough");
            std::thread::sleep(LONG * 10);
            Ok(())
        });
        return;
    }
    let output = own_process::command(test).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("process did not exit after the shutdown"), "{said}");
}
