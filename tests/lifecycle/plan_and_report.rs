//! The plan is available before the run, and the report after it. Both are data.
#![expect(clippy::expect_used, reason = "a helper that fails fails its test")]

use std::process::Command;
use std::time::Duration;

use ebbtide_tests::{Ended, Process, service};
use rustix::process::Signal;
use serde_json::Value;

const LONG: Duration = Duration::from_secs(30);

fn victim(fault: &str) -> Command {
    let mut command = service("victim");
    command.arg(fault).env_remove("EBBTIDE_GRACE");
    command
}

fn run(command: &mut Command) -> Ended {
    Process::start(command).ended(LONG).expect("the process does not exit")
}

#[test]
fn the_plan_is_printed_without_starting() {
    let ended = run(victim("").env("EBBTIDE_PLAN", "json").env("KUBERNETES_SERVICE_HOST", "10.0.0.1"));
    ended.code(0).never_said("opened");
    let plan: Value = serde_json::from_str(&ended.output).expect("JSON");
    assert_eq!(plan["platform"], "kubernetes");
    assert_eq!(plan["grace_ms"], 30_000);
    assert_eq!(plan["deadline_ms"], 25_000);
    let ended = run(victim("").env("EBBTIDE_PLAN", "json").env("EBBTIDE_GRACE", "20"));
    let plan: Value = serde_json::from_str(&ended.output).expect("JSON");
    assert_eq!(plan["grace_ms"], 20_000, "a number without a unit is seconds");
    run(victim("").env("EBBTIDE_PLAN", "text")).code(0).said("10s (grace period, plain) - 1.667s (margin)");
    run(victim("").env("EBBTIDE_PLAN", "yaml"))
        .code(1)
        .said("invalid EBBTIDE_PLAN `yaml`")
        .said("expected `json` or `text`");
}

#[test]
fn an_unknown_variable_is_logged_with_the_setting_that_it_resembles() {
    let mut victim = victim("");
    victim.env("EBBTIDE_GRAC", "60s").env("EBBTIDE_PORT_80_TCP", "1").env("EBBTIDE_TEST_SEED", "7");
    let mut process = Process::start(victim.env("EBBTIDE_REPORT", "").env("EBBTIDE_MARGIN", ""));
    process.says("phase=ready");
    process.signal(Signal::TERM);
    let ended = process.ended(LONG).expect("the process does not exit");
    ended.code(0).said("unknown environment variable has no effect");
    let lines: Vec<&str> = ended.output.lines().filter(|line| line.contains("unknown environment")).collect();
    assert!(
        matches!(lines.as_slice(), [line] if line.contains("WARN") && line.contains("EBBTIDE_GRAC")),
        "{lines:?}"
    );
    assert!(lines[0].contains("closest=\"EBBTIDE_GRACE\""), "{lines:?}");
}

#[test]
fn an_impossible_budget_is_refused_with_the_arithmetic_shown() {
    let ended = run(victim("").env("EBBTIDE_GRACE", "10s").env("EBBTIDE_LAME_DUCK", "8s"));
    ended.code(1).said("8s (lame duck maximum) + ").said(" > 8.333s = 10s (grace period) - 1.667s (margin)");
    ended.never_said("opened");
    run(victim("").env("EBBTIDE_GRACE", "soon")).code(1).said("EBBTIDE_GRACE: invalid duration `soon`");
}

#[test]
fn the_report_is_logged_passed_to_the_callback_and_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("report.json");
    let mut victim = Process::start(victim("").env("EBBTIDE_REPORT", &path));
    victim.says("phase=ready");
    victim.signal(Signal::TERM);
    let ended = victim.ended(LONG).expect("the process does not exit");
    ended.code(0).said("lifecycle exited").said("callback: code 0");
    let report: Value = serde_json::from_slice(&std::fs::read(&path).expect("written")).expect("JSON");
    assert_eq!(report["schema"], 2);
    assert_eq!(report["cause"]["number"], 15);
    assert_eq!(report["exit_code"], 0);
    let phases: Vec<&str> = report["phases"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|phase| phase["phase"].as_str())
        .collect();
    assert_eq!(phases, ["starting", "ready", "lame_duck", "draining", "closing", "flushing", "exited"]);
    let components = report["components"].as_array().expect("a list");
    assert!(components.iter().all(|component| component["outcome"]["kind"] == "drained"), "{components:?}");
    let order = |text: &str| ended.output.find(text).expect("said");
    assert!(order("closed second") < order("closed first"), "resources close in reverse");
    assert!(order("closed first") < order("flushed"), "flushers come last");
    assert!(order("lifecycle exited") < order("flushed"), "what is logged after the flush is lost");
}

#[test]
fn an_unwritable_report_path_is_logged_before_the_service_is_ready() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("file"), "").expect("written");
    for wrong in ["none/report.json", "file/report.json", "."] {
        let path = folder.path().join(wrong);
        let mut victim = Process::start(victim("").env("EBBTIDE_REPORT", &path));
        victim.says("phase=ready");
        let said = victim.output();
        let trouble =
            said.find("error: cannot write the report (EBBTIDE_REPORT) to ").expect("the error is logged");
        assert!(trouble < said.find("phase=ready").expect("ready"), "{said}");
        victim.signal(Signal::TERM);
        victim.ended(LONG).expect("the process does not exit").code(0);
    }
    let left = std::fs::read_dir(folder.path()).expect("a folder").count();
    assert_eq!(left, 1, "the check left a file");
}

/// The opposite: a writable path causes no message, and the check leaves no file.
#[test]
fn a_writable_report_does_not_exist_before_the_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("report.json");
    let mut victim = Process::start(victim("").env("EBBTIDE_REPORT", &path));
    victim.says("phase=ready");
    assert!(!victim.output().contains("EBBTIDE_REPORT"), "{}", victim.output());
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0);
    victim.signal(Signal::TERM);
    victim.ended(LONG).expect("the process does not exit").code(0);
    assert!(path.is_file());
}

/// Otherwise the report of an earlier run would be mistaken for that of a run that writes none.
#[test]
fn the_report_of_an_earlier_run_is_removed_when_a_second_signal_ends_the_process() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("report.json");
    std::fs::write(&path, "an earlier run").expect("written");
    let mut victim = Process::start(victim("stubborn-task").env("EBBTIDE_REPORT", &path));
    victim.says("phase=ready");
    assert!(!path.exists());
    victim.signal(Signal::TERM);
    victim.says("phase=draining");
    victim.second_signal(Signal::TERM);
    let ended = victim.ended(LONG).expect("the process survived a second signal");
    ended.by_signal(Signal::TERM).said("second signal SIGTERM, ").said("without a report");
    assert!(!path.exists());
}

#[test]
fn the_report_of_an_earlier_run_is_removed_when_the_service_cannot_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("report.json");
    // Printing the plan is no run.
    for (variable, value, code, stays) in
        [("EBBTIDE_GRACE", "0", 1, false), ("EBBTIDE_PLAN", "text", 0, true)]
    {
        std::fs::write(&path, "an earlier run").expect("written");
        run(victim("").env("EBBTIDE_REPORT", &path).env(variable, value)).code(code);
        assert_eq!(path.exists(), stays, "{variable}");
    }
}

#[test]
fn the_forced_path_writes_the_report_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("report.json");
    let mut victim =
        Process::start(victim("spinning-runtime").env("EBBTIDE_REPORT", &path).env("EBBTIDE_GRACE", "2s"));
    victim.says("phase=ready");
    victim.signal(Signal::TERM);
    victim.ended(LONG).expect("the process does not exit").code(4);
    let report: Value = serde_json::from_slice(&std::fs::read(&path).expect("written")).expect("JSON");
    assert_eq!(report["exit_code"], 4);
    let stuck = |component: &&Value| component["name"] == "spinning-hook" && component["outcome"].is_null();
    assert_eq!(report["components"].as_array().expect("a list").iter().filter(stuck).count(), 2);
}

#[test]
fn the_program_can_stop_itself() {
    run(&mut victim("stopping-itself"))
        .code(0)
        .said("requested: had enough")
        .said("closed first")
        .said("flushed");
}
