//! Whatever hangs, the process exits by its deadline with the documented exit code, and names the stuck component.
#![expect(clippy::expect_used, reason = "a helper that fails fails its test")]

use std::process::Command;
use std::time::Duration;

use ebbtide_http1::client::Client;
use ebbtide_tests::{Ended, Process, Served, service};
use rustix::process::Signal;

/// The time until SIGKILL. Each stage's part of it is long enough for a busy machine.
const GRACE: Duration = Duration::from_secs(10);

/// The same for processes that use all cores until they are killed, and whose stages are not awaited.
const SHORT_GRACE: Duration = Duration::from_secs(4);

/// Starts the victim, waits until it is ready, stops it, and returns its outcome. It must exit before SIGKILL would come.
fn stopped(fault: &str) -> Ended {
    stopped_within(GRACE, fault)
}

fn with_grace(command: &mut Command, grace: Duration) -> &mut Command {
    command.env("EBBTIDE_GRACE", format!("{}s", grace.as_secs()))
}

fn stopped_within(grace: Duration, fault: &str) -> Ended {
    let mut victim = Process::start(with_grace(service("victim").arg(fault), grace));
    victim.says("phase=ready");
    victim.says("up");
    let ended = victim.ended(Duration::ZERO);
    assert!(ended.is_none(), "the process exited before the signal: {ended:?}");
    victim.signal(Signal::TERM);
    victim.ended(grace).expect("the process outlived its grace period")
}

#[test]
fn a_runtime_whose_workers_all_spin_is_ended_by_the_watchdog() {
    let ended = stopped_within(SHORT_GRACE, "spinning-runtime");
    ended.code(4).said("watchdog terminates the process ").said(" after the shutdown began; phase ");
    ended.said("waiting for: spinning-hook");
    // The flusher runs on a separate thread although the runtime is blocked.
    ended.said("flushed");
}

#[test]
fn a_task_that_awaits_a_blocking_call_is_cancelled_and_the_process_exits() {
    stopped("spawn-blocking").code(3).said("blocker").said("closed second").said("flushed");
}

#[test]
fn a_task_that_blocks_its_thread_is_reported_as_stuck_and_the_others_close() {
    stopped("stuck-task")
        .code(3)
        .said("stuck-task")
        .said("closed first")
        .said("closed second")
        .said("flushed");
}

#[test]
fn a_task_that_ignores_the_stop_is_cancelled() {
    stopped("stubborn-task").code(3).said("stubborn-task (cancelled)").said("closed first").said("flushed");
}

#[test]
fn a_resource_whose_close_hangs_does_not_use_the_time_of_the_others() {
    let ended = stopped("hanging-close");
    ended.code(3).said("hanging-pool (cancelled)").said("closed second").said("closed first").said("flushed");
}

#[test]
fn a_flusher_that_deadlocks_is_named_and_the_others_flush() {
    stopped("deadlocked-flush").code(3).said("deadlocked-log (stuck)").said("flushed").said("closed first");
}

#[test]
fn a_running_shutdown_logs_what_it_waits_for_and_the_time_left() {
    stopped("stubborn-task").said("still stopping").said("waiting=\"stubborn-task\"").said("left=");
}

#[test]
fn a_panic_in_a_component_stops_the_rest_in_order() {
    let mut victim = Process::start(service("victim").arg("panicking-task"));
    let ended = victim.ended(Duration::from_secs(20)).expect("the process does not exit");
    ended
        .code(1)
        .said("the task fell over")
        .said("panicking-task (panicked)")
        .said("closed first")
        .said("flushed");
}

#[test]
fn a_component_that_fails_or_ends_too_soon_stops_the_rest_in_order() {
    for (fault, said) in
        [("failing-task", "the task gave up"), ("ending-task", "ending-task ended before the shutdown")]
    {
        let mut victim = Process::start(service("victim").arg(fault));
        let ended = victim.ended(Duration::from_secs(20)).expect("the process does not exit");
        ended.code(1).said(said).said("closed first").said("flushed");
    }
}

#[test]
fn a_panic_in_a_teardown_prevents_no_other_close() {
    stopped("panicking-close").code(1).said("panicking-pool (panicked)").said("closed first").said("flushed");
    stopped("panicking-flush").code(1).said("panicking-log (panicked").said("closed first").said("flushed");
}

#[test]
fn a_closure_that_panics_or_blocks_before_its_future_prevents_no_other_close() {
    for (fault, code, said) in [
        ("panicking-close-at-once", 1, "panicking-pool (panicked)"),
        ("panicking-hook-at-once", 1, "panicking-hook (panicked)"),
        ("blocking-close-at-once", 3, "blocking-pool (stuck)"),
    ] {
        let ended = stopped(fault);
        ended.code(code).said(said).said("closed second").said("closed first").said("flushed");
    }
}

#[test]
fn a_panic_in_a_resource_gauge_prevents_no_other_close() {
    let ended = stopped("panicking-held");
    ended.code(3).said("nobody knows what is held").said("holding-pool (cancelled)");
    ended.said("closed second").said("closed first").said("flushed");
}

#[test]
fn a_resource_gauge_that_calls_the_lifecycle_does_not_deadlock() {
    let ended = stopped("asking-held");
    ended.code(3).said("5 components").said("holding-pool (cancelled with 5 components)");
    ended.said("closed second").said("closed first").said("flushed");
}

/// The tracing subscriber is user code that runs in the lifecycle's loop. After its panic no orderly shutdown is possible.
#[test]
fn a_panic_of_the_lifecycle_itself_is_reported_and_the_flushers_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("report.json");
    let mut command = service("victim");
    let mut victim =
        Process::start(with_grace(command.arg("panicking-log").env("EBBTIDE_REPORT", &path), GRACE));
    victim.says("up");
    victim.says("phase=ready");
    victim.signal(Signal::TERM);
    let ended = victim.ended(GRACE).expect("the process outlived its grace period");
    ended.code(1).said("lifecycle panicked: the log fell over").said("flushed");
    ended.said("lifecycle exited").said("code=1");
    let report = std::fs::read_to_string(path).expect("the report was written");
    assert!(report.contains("\"exit_code\": 1"), "{report}");
}

#[test]
fn a_panic_in_a_drop_prevents_no_other_close() {
    for fault in ["panicking-drop", "panicking-drop-when-aborted"] {
        stopped(fault).code(1).said("the drop fell over").said("closed first").said("flushed");
    }
}

#[test]
fn a_start_up_that_blocks_its_thread_ends_by_the_deadline() {
    let mut victim = Process::start(with_grace(service("victim").arg("blocked-start"), GRACE));
    victim.says("opened first");
    victim.signal(Signal::TERM);
    let ended = victim.ended(GRACE).expect("the process outlived its grace period");
    ended.code(3).said("start-up (stuck)").said("closed first").said("flushed");
}

#[test]
fn without_the_watchdog_the_same_faults_outlive_every_deadline() {
    for fault in ["spinning-runtime", "spawn-blocking", "hanging-close"] {
        let mut plain = Process::start(service("plain").arg(fault));
        plain.says("up");
        plain.signal(Signal::TERM);
        assert!(plain.ended(SHORT_GRACE).is_none(), "{fault}: the process exited");
    }
}

/// Starts a server without a lifecycle and stops it while a handler blocks the only thread of its runtime. Returns its outcome,
/// or `None` if it does not exit before SIGKILL would come.
async fn blocked_alone(arguments: &[&str]) -> Option<Ended> {
    let mut served = Served::start(with_grace(service("alone").args(arguments), SHORT_GRACE));
    let mut client = Client::connect(served.addr).await.expect("the server accepts");
    client.get("/block").await.expect("the request is sent");
    served.process.says("asked");
    served.terminate();
    served.ended_or_not(SHORT_GRACE).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standalone_server_whose_runtime_is_blocked_is_ended_by_its_watchdog() {
    let ended = blocked_alone(&["watched"]).await.expect("the process outlived its grace period");
    ended
        .code(4)
        .said(" after the shutdown began; phase draining for ")
        .said("waiting for: http (1 in flight: GET /block");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standalone_server_with_a_blocking_handler_exits_by_the_deadline() {
    let ended = blocked_alone(&["watched", "workers"]).await.expect("the process outlived its grace period");
    ended.code(3).said("GET /block").said("process did not exit after the shutdown");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_watchdog_the_same_server_outlives_every_deadline() {
    for arguments in [&[][..], &["workers"]] {
        let ended = blocked_alone(arguments).await;
        assert!(ended.is_none(), "the process exited: {ended:?}");
    }
}
