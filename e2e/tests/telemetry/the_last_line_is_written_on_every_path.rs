//! Every line that was logged before the end stands in the file, whatever the end is, although the writer takes its time.
#![expect(clippy::expect_used, reason = "a helper that fails fails its test")]

use std::time::Duration;

use ebbtide_e2e::{Ended, Process, service};
use rustix::process::Signal;

const LONG: Duration = Duration::from_secs(60);

/// What the program logs before it is up.
const BEFORE: usize = 400;

/// Runs the program to its end, and returns it with how many jobs stand in the file, none of them twice, and whether the
/// lifecycle's own last word stands there.
fn written(path: &str, flusher: &str) -> (Ended, usize, bool) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("log");
    let mut command = service("logger");
    command.arg(path).arg(&file).arg(flusher).env("EBBTIDE_GRACE", "12s");
    let mut process = Process::start(&mut command);
    if !path.starts_with("failing") {
        process.says("phase=ready");
        process.signal(Signal::TERM);
    }
    if path == "hanging" {
        process.says("SIGTERM: stopping");
        process.second_signal(Signal::TERM);
    }
    let ended = process.ended(LONG).expect("it ends");
    let log = std::fs::read_to_string(&file).expect("the log");
    let jobs: Vec<&str> =
        log.lines().filter_map(|line| line.split_once("work: ")).map(|(_, job)| job).collect();
    let unique: std::collections::BTreeSet<&&str> = jobs.iter().collect();
    assert_eq!(unique.len(), jobs.len(), "a line stands there twice");
    (ended, jobs.len(), log.contains(": lifecycle exited lifecycle=\"logger\""))
}

const ENDS: [(&str, i32); 4] = [("signal", 0), ("failing", 1), ("failing-start", 1), ("stubborn", 3)];

#[test]
fn every_line_is_written_after_a_signal_an_error_and_a_cut() {
    for (path, code) in ENDS {
        let (ended, count, exited) = written(path, "appender");
        ended.code(code);
        assert_eq!(count, BEFORE + 1, "{path}");
        assert!(exited, "{path}");
    }
}

#[test]
fn every_line_is_written_from_a_blocked_runtime_that_the_watchdog_ends() {
    let (ended, count, exited) = written("blocked", "appender");
    ended.code(4).never_said("not flushed");
    // The resource's turn never came: nobody logs the last job.
    assert_eq!(count, BEFORE);
    assert!(exited);
}

/// The opposites: the guard of `tracing-appender` alone, and nothing.
#[test]
fn the_guard_alone_and_no_flusher_lose_lines() {
    for flusher in ["guard", "none"] {
        let (ended, count, _) = written("signal", flusher);
        ended.code(0);
        println!("{flusher}: {} of {} lines lost", BEFORE + 1 - count, BEFORE + 1);
        assert!(count < BEFORE + 1, "{flusher}");
    }
}

/// A second signal ends the process at once: what the writer's thread had written stands there.
#[test]
fn a_second_signal_leaves_no_time_for_what_is_queued() {
    let (ended, count, _) = written("hanging", "appender");
    ended.by_signal(Signal::TERM);
    assert!(count < BEFORE, "{count}");
}
