//! Each fault of the demo is caught by the check that is meant for it.
#![expect(clippy::panic, reason = "a helper that fails fails its test")]

use ebbtide_e2e::rehearse;

/// Rehearses the demo with a fault; asserts that `check` fails and that its evidence says `why`.
fn caught(fault: &str, check: &str, why: &str) {
    let mut args = vec!["--demo", "--seed", "3", "--grace", "8s"];
    args.extend([
        "--storm",
        "32",
        "--keepalive",
        "40",
        "--slow",
        "4",
        "--slow-time",
        "500ms-1s",
        "--open",
        "50",
    ]);
    args.extend(["--", "--fault", fault]);
    let rehearsed = rehearse(&args);
    if rehearsed.code != Some(1) || !rehearsed.failed().contains(&check) {
        panic!("{fault}: {check} did not fail, but {:?}: {:#}", rehearsed.failed(), rehearsed.json);
    }
    let (_, evidence) = rehearsed.check(check);
    assert!(evidence.contains(why), "{fault}: {evidence}");
}

#[test]
fn a_stuck_worker_leaves_an_order_unprocessed() {
    caught("stuck-worker", "orders-processed", "");
}

#[test]
fn a_blocked_runtime_is_ended_by_the_watchdog() {
    caught("blocked-runtime", "exit-code", "4");
}

#[test]
fn a_slow_close_is_cut() {
    caught("slow-close", "exit-code", "3");
}

#[test]
fn an_ignored_signal_is_seen_and_ends_in_sigkill() {
    caught("ignore-signal", "no-kill", "");
}

#[test]
fn a_listener_closed_at_once_loses_requests() {
    caught("close-listener", "requests-answered", "lost");
}

#[test]
fn a_readiness_that_stays_green_is_seen() {
    caught("no-readiness-flip", "readiness-before-close", "");
}

#[test]
fn a_leaked_connection_holds_the_pool_past_its_deadline() {
    caught("leak-connection", "exit-code", "3");
}

#[test]
fn jobs_that_are_kept_past_the_stop_are_counted() {
    caught("keep-jobs", "jobs-returned", "still leased");
}

#[test]
fn an_early_exit_loses_requests() {
    caught("exit-early", "requests-answered", "lost");
}

#[test]
fn a_log_that_is_not_flushed_misses_its_last_line() {
    caught("lose-log", "last-log-line", "");
}

#[test]
fn without_a_fault_every_check_passes() {
    let rehearsed = rehearse(&["--demo", "--storm", "32", "--keepalive", "40", "--slow-time", "500ms-1s"]);
    assert_eq!((rehearsed.code, rehearsed.failed()), (Some(0), Vec::new()), "{:#}", rehearsed.json);
}
