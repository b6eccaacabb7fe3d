//! What a process reported before its end: spans, metrics, log lines.
//!
//! Every span, log line and count that was emitted before the end arrives, whatever the end is: at a real OTLP collector, from a real process,
//! over a real connection.
//!
//! Every line that was logged before the end stands in the file, whatever the end is, although the writer takes its time.
#![expect(clippy::expect_used, reason = "a helper that fails fails its test")]

use std::collections::BTreeSet;
use std::time::Duration;

use ebbtide_tests::{Collected, Collector, Ended, Process, service};
use rustix::process::Signal;

// Spans, log lines and counts.

const LONG: Duration = Duration::from_secs(60);
const GRACE: Duration = Duration::from_secs(6);

/// What the program emits before it is up.
const BEFORE: usize = 300;

fn exporter(collector: &Collector, path: &str, how: &str, flushed: &str) -> Process {
    let endpoint = if how == "http" { collector.http() } else { collector.grpc() };
    let mut command = service("exporter");
    command.args([path, how, &endpoint, flushed]);
    // Nothing is sent by itself: what arrives was flushed.
    for delay in ["OTEL_BSP_SCHEDULE_DELAY", "OTEL_BLRP_SCHEDULE_DELAY", "OTEL_METRIC_EXPORT_INTERVAL"] {
        command.env(delay, "3600000");
    }
    Process::start(command.env("EBBTIDE_GRACE", "6s"))
}

/// Runs it to its end, which a signal begins where it does not by itself.
fn ended(collector: &Collector, path: &str, how: &str, flushed: &str) -> Ended {
    let mut process = exporter(collector, path, how, flushed);
    if !path.starts_with("failing") {
        process.says("phase=ready");
        process.signal(Signal::TERM);
    }
    process.ended(LONG).expect("it ends")
}

/// Asserts that each piece of work came once as a span, once as a line, and is counted: none is lost, none came twice.
fn assert_whole(collected: &Collected, count: usize, what: &str) {
    let is_work = |name: &&String| name.contains("job");
    for (kind, names) in [("spans", &collected.spans), ("lines", &collected.lines)] {
        let names: Vec<&String> = names.iter().filter(is_work).collect();
        assert_eq!(names.len(), count, "{what}: {kind}");
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), count, "{what}: {kind} came twice");
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
            assert_eq!(exited, 1, "{path} over {how}: the lifecycle's own last line");
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
        // The resource's turn never came: nobody emits the last job.
        assert_whole(&collector.collected(), BEFORE, how);
    }
}

/// The opposites: an exporter whose connection lives on the blocked runtime cannot export, and says so; and no flusher.
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
        Process::start(&mut command).ended(LONG).expect("it ends").code(1);
        let collected = collector.collected();
        assert_whole(&collected, count, flushed);
        let told = collected
            .lines
            .iter()
            .any(|line| line.starts_with("invalid EBBTIDE_GRACE: invalid duration `soon`"));
        assert_eq!(told, flushed == "flushed");
    }
}

/// A second signal ends the process at once, as SIGKILL does: what had been sent has arrived, and nothing else.
#[test]
fn a_second_signal_leaves_no_time_to_flush() {
    let collector = Collector::start();
    let mut process = exporter(&collector, "hanging", "http", "flushed");
    process.says("phase=ready");
    process.signal(Signal::TERM);
    process.says("SIGTERM received");
    process.second_signal(Signal::TERM);
    process.ended(LONG).expect("it ends").by_signal(Signal::TERM);
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
        .expect("it ends")
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
    let ended = process.ended(LONG).expect("it ends");
    ended.code(1).said("error: opentelemetry traces (failed: ").said("timed out").within(GRACE);
}

// Log files.

/// What the program logs before it is up.
const LINES_BEFORE: usize = 400;

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
        process.says("SIGTERM received");
        process.second_signal(Signal::TERM);
    }
    let ended = process.ended(LONG).expect("it ends");
    let log = std::fs::read_to_string(&file).expect("the log");
    let jobs: Vec<&str> =
        log.lines().filter_map(|line| line.split_once("work: ")).map(|(_, job)| job).collect();
    let unique: BTreeSet<&&str> = jobs.iter().collect();
    assert_eq!(unique.len(), jobs.len(), "a line stands there twice");
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
    // The resource's turn never came: nobody logs the last job.
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

/// A second signal ends the process at once: what the writer's thread had written stands there.
#[test]
fn a_second_signal_leaves_no_time_to_write_queued_lines() {
    let (ended, count, _) = written("hanging", "appender");
    ended.by_signal(Signal::TERM);
    assert!(count < LINES_BEFORE, "{count}");
}
