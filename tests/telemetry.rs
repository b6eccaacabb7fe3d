//! Spans, metrics and log lines that a process emitted before its end.
//!
//! Every span, log line and count that was emitted before the end arrives, however the process ends: at a real OTLP collector,
//! from a real process, over a real connection.
//!
//! Every line that was logged before the end is in the file, however the process ends, even with a slow writer.
#![expect(clippy::expect_used, reason = "a helper that fails fails its test")]

use std::collections::BTreeSet;
use std::time::Duration;

use ebbtide_tests::{Collected, Collector, Ended, Process, service};
use rustix::process::Signal;

// Spans, log lines and counts.

const LONG: Duration = Duration::from_secs(60);
const GRACE: Duration = Duration::from_secs(6);

/// The number of jobs before the program is ready.
const BEFORE: usize = 300;

fn exporter(collector: &Collector, path: &str, how: &str, flushed: &str) -> Process {
    let endpoint = if how == "http" { collector.http() } else { collector.grpc() };
    let mut command = service("exporter");
    command.args([path, how, &endpoint, flushed]);
    // Without periodic exports, only flushed data arrives.
    for delay in ["OTEL_BSP_SCHEDULE_DELAY", "OTEL_BLRP_SCHEDULE_DELAY", "OTEL_METRIC_EXPORT_INTERVAL"] {
        command.env(delay, "3600000");
    }
    Process::start(command.env("EBBTIDE_GRACE", "6s"))
}

/// Runs the program until it exits. Sends a signal if it does not end by itself.
fn ended(collector: &Collector, path: &str, how: &str, flushed: &str) -> Ended {
    let mut process = exporter(collector, path, how, flushed);
    if !path.starts_with("failing") {
        process.says("phase=ready");
        process.signal(Signal::TERM);
    }
    process.ended(LONG).expect("the process exits")
}

/// Asserts that each job arrived once as a span and once as a line, and is counted.
fn assert_whole(collected: &Collected, count: usize, what: &str) {
    let is_work = |name: &&String| name.contains("job");
    for (kind, names) in [("spans", &collected.spans), ("lines", &collected.lines)] {
        let names: Vec<&String> = names.iter().filter(is_work).collect();
        assert_eq!(names.len(), count, "{what}: {kind}");
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), count, "{what}: duplicate {kind}");
    }
    let counted = collected.counters.get("jobs").copied().unwrap_or_default();
    assert_eq!(usize::try_from(counted), Ok(count), "{what}: the counter");
}

const ENDS: [(&str, i32); 4] = [("signal", 0), ("failing", 1), ("failing-start", 1), ("stubborn", 3)];

#[test]
fn all_telemetry_arrives_after_a_signal_an_error_and_a_cancellation() {
    for (path, code) in ENDS {
        for how in ["grpc", "grpc-apart", "http"] {
            let collector = Collector::start();
            ended(&collector, path, how, "flushed").code(code);
            let collected = collector.collected();
            assert_whole(&collected, BEFORE + 1, &format!("{path} over {how}"));
            let exited = collected.lines.iter().filter(|line| *line == "lifecycle exited").count();
            assert_eq!(exited, 1, "{path} over {how}: the lifecycle's last line");
        }
    }
}

#[test]
fn without_the_flusher_nothing_arrives() {
    for (path, code) in ENDS {
        let collector = Collector::start();
        ended(&collector, path, "http", "unflushed").code(code);
        assert_eq!(collector.collected(), Collected::default(), "{path}");
    }
}

#[test]
fn everything_arrives_from_a_blocked_runtime_that_the_watchdog_ends() {
    for how in ["grpc-apart", "http"] {
        let collector = Collector::start();
        ended(&collector, "blocked", how, "flushed").code(4).never_said("not flushed");
        // The resource is never closed, so the last job is not emitted.
        assert_whole(&collector.collected(), BEFORE, how);
    }
}

/// The opposites: an exporter whose connection runs on the blocked runtime fails to export and is named; and no flusher.
#[test]
fn an_exporter_on_the_blocked_runtime_cannot_export_and_is_named() {
    let collector = Collector::start();
    let ended_by = ended(&collector, "blocked", "grpc", "flushed");
    ended_by.code(4).said("opentelemetry traces (not flushed: ").said("opentelemetry logs (not flushed: ");
    assert_eq!(collector.collected(), Collected::default());
    ended(&collector, "blocked", "http", "unflushed").code(4);
    assert_eq!(collector.collected(), Collected::default());
}

#[test]
fn telemetry_of_a_lifecycle_that_cannot_start_arrives() {
    for (flushed, count) in [("flushed", BEFORE), ("unflushed", 0)] {
        let collector = Collector::start();
        let mut command = service("exporter");
        command.args(["not-started", "http", &collector.http(), flushed]).env("EBBTIDE_GRACE", "soon");
        Process::start(&mut command).ended(LONG).expect("the process exits").code(1);
        let collected = collector.collected();
        assert_whole(&collected, count, flushed);
        let told = collected
            .lines
            .iter()
            .any(|line| line.starts_with("invalid EBBTIDE_GRACE: invalid duration `soon`"));
        assert_eq!(told, flushed == "flushed");
    }
}

/// A second signal ends the process at once, as SIGKILL does. Only data that was already sent arrives.
#[test]
fn a_second_signal_leaves_no_time_to_flush() {
    let collector = Collector::start();
    let mut process = exporter(&collector, "hanging", "http", "flushed");
    process.says("phase=ready");
    process.signal(Signal::TERM);
    process.says("SIGTERM received");
    process.second_signal(Signal::TERM);
    process.ended(LONG).expect("the process exits").by_signal(Signal::TERM);
    assert_eq!(collector.collected(), Collected::default());
}

#[test]
fn the_spans_of_the_stages_arrive() {
    let collector = Collector::start();
    ended(&collector, "stubborn", "http", "flushed").code(3);
    let spans = collector.collected().spans;
    let mut own: Vec<&str> = spans.iter().map(String::as_str).filter(|name| !name.contains("job")).collect();
    own.sort_unstable();
    assert_eq!(own, ["component", "component", "resources", "stop", "workers"]);
}

#[test]
fn an_unreachable_collector_is_named_and_makes_the_exit_code_1() {
    let endpoint = Collector::start().http();
    let mut command = service("exporter");
    let command = command.args(["signal", "http", &endpoint]).env("EBBTIDE_GRACE", "6s");
    let mut process = Process::start(command);
    process.says("phase=ready");
    process.signal(Signal::TERM);
    process
        .ended(LONG)
        .expect("the process exits")
        .code(1)
        .said("error: opentelemetry traces (failed: ")
        .said("exit code 1");
}

#[test]
fn a_collector_that_never_responds_is_named_and_the_exit_is_in_time() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let endpoint = format!("http://{}", silent.local_addr().expect("its address"));
    let mut command = service("exporter");
    let mut process = Process::start(command.args(["signal", "http", &endpoint]).env("EBBTIDE_GRACE", "6s"));
    process.says("phase=ready");
    process.signal(Signal::TERM);
    let ended = process.ended(LONG).expect("the process exits");
    ended.code(1).said("error: opentelemetry traces (failed: ").said("timed out").within(GRACE);
}

// Log files.

/// The number of lines before the program is ready.
const LINES_BEFORE: usize = 400;

/// Runs the program until it exits. Returns its outcome, the number of jobs in the file, none of them twice, and whether the
/// file has the lifecycle's last line.
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
        process.says("SIGTERM received");
        process.second_signal(Signal::TERM);
    }
    let ended = process.ended(LONG).expect("the process exits");
    let log = std::fs::read_to_string(&file).expect("the log");
    let jobs: Vec<&str> =
        log.lines().filter_map(|line| line.split_once("work: ")).map(|(_, job)| job).collect();
    let unique: BTreeSet<&&str> = jobs.iter().collect();
    assert_eq!(unique.len(), jobs.len(), "a line is in the file twice");
    (ended, jobs.len(), log.contains(": lifecycle exited lifecycle=\"logger\""))
}

#[test]
fn every_log_line_is_written_after_a_signal_an_error_and_a_cancellation() {
    for (path, code) in ENDS {
        let (ended, count, exited) = written(path, "appender");
        ended.code(code);
        assert_eq!(count, LINES_BEFORE + 1, "{path}");
        assert!(exited, "{path}");
    }
}

#[test]
fn every_line_is_written_from_a_blocked_runtime_that_the_watchdog_ends() {
    let (ended, count, exited) = written("blocked", "appender");
    ended.code(4).never_said("not flushed");
    // The resource is never closed, so the last job is not logged.
    assert_eq!(count, LINES_BEFORE);
    assert!(exited);
}

/// The opposites: the guard of `tracing-appender` alone, and nothing.
#[test]
fn the_guard_alone_and_no_flusher_lose_lines() {
    for flusher in ["guard", "none"] {
        let (ended, count, _) = written("signal", flusher);
        ended.code(0);
        println!("{flusher}: {} of {} lines lost", LINES_BEFORE + 1 - count, LINES_BEFORE + 1);
        assert!(count < LINES_BEFORE + 1, "{flusher}");
    }
}

/// A second signal ends the process at once. The file has only the lines that the writer thread had written.
#[test]
fn a_second_signal_leaves_no_time_to_write_queued_lines() {
    let (ended, count, _) = written("hanging", "appender");
    ended.by_signal(Signal::TERM);
    assert!(count < LINES_BEFORE, "{count}");
}
