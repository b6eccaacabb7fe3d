//! A service that starts before what it needs waits for it, says so, and is stopped while it waits as at any other time.
#![expect(clippy::expect_used, reason = "a helper that fails fails its test")]

use std::io::Write as _;
use std::net::TcpListener;
use std::time::Duration;

use ebbtide_e2e::{Ended, Process, ReportFile, free_port, service};
use rustix::process::Signal;

const LONG: Duration = Duration::from_secs(30);

/// An address at which nothing listens.
fn nobody() -> String {
    format!("127.0.0.1:{}", free_port())
}

fn start(addr: &str, how: &str) -> Process {
    start_with(addr, how, &ReportFile::new())
}

fn start_with(addr: &str, how: &str, report: &ReportFile) -> Process {
    let mut command = service("waits");
    command.args([addr, how]).env("EBBTIDE_GRACE", "20s").env("EBBTIDE_REPORT", report.path());
    Process::start(&mut command)
}

/// Stops it while it waits. A start-up that the signal did not end would be abandoned at the deadline.
fn ended_by_the_signal(mut waits: Process, report: &ReportFile) -> Ended {
    waits.signal(Signal::TERM);
    let ended = waits.ended(LONG).expect("it does not end");
    ended.code(0).said("closed first").never_said("opened second");
    let report = report.read();
    assert!(report.stop * 2 < report.plan.deadline, "it took {:?}", report.stop);
    ended
}

#[test]
fn what_comes_later_is_waited_for_and_each_attempt_is_told() {
    let addr = nobody();
    let mut waits = start(&addr, "often");
    waits.says("attempt=2");
    let listener = TcpListener::bind(&addr).expect("its port is free");
    let (mut stream, _) = listener.accept().expect("it comes");
    stream.write_all(b"!").expect("it listens");
    waits.says("phase=ready");
    waits.signal(Signal::TERM);
    let ended = waits.ended(LONG).expect("it does not end");
    ended.code(0).said("not there yet").said("waiting_for=\"greeter\"").said("refused").said("next_in=");
    ended.said("it is there").said("closed second").said("closed first");
}

#[test]
fn a_signal_ends_the_wait_for_the_next_attempt_and_closes_what_was_opened() {
    // The next attempt would come in fifteen seconds or more.
    let report = ReportFile::new();
    let waits = start_with(&nobody(), "seldom", &report);
    waits.says("attempt=1");
    ended_by_the_signal(waits, &report).never_said("attempt=2");
}

#[test]
fn a_signal_ends_an_attempt_that_nobody_answers() {
    let (silent, report) = (TcpListener::bind("127.0.0.1:0").expect("a port"), ReportFile::new());
    let address = silent.local_addr().expect("its address").to_string();
    let waits = start_with(&address, "often", &report);
    let held = silent.accept().expect("it comes");
    ended_by_the_signal(waits, &report);
    drop(held);
}

#[test]
fn attempts_that_are_used_up_fail_the_start_up() {
    let mut waits = start(&nobody(), "thrice");
    let ended = waits.ended(LONG).expect("it does not end");
    ended.code(1).said("gave up on greeter after 3 attempts").said("refused").said("closed first");
    ended.never_said("attempt=3").never_said("opened second");
}

#[test]
fn the_opposite_a_loop_by_hand_is_killed_by_the_signal_and_closes_nothing() {
    let mut waits = start(&nobody(), "by-hand");
    waits.says("not there yet");
    waits.signal(Signal::TERM);
    let ended = waits.ended(LONG).expect("it does not end");
    ended.by_signal(Signal::TERM).never_said("closed first");
}
