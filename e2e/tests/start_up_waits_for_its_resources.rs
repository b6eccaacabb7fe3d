//! A service that starts before what it needs waits for it, says so, and is stopped while it waits as at any other time.
#![expect(clippy::expect_used, reason = "a helper that fails fails its test")]

use std::io::Write as _;
use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

use ebbtide_e2e::Process;
use rustix::process::Signal;

const LONG: Duration = Duration::from_secs(30);
/// Nothing else on this machine takes a port of this address while nobody listens there.
const ALONE: &str = "127.77.0.2:0";

/// An address at which nobody listens.
fn nobody() -> String {
    let listener = TcpListener::bind(ALONE).expect("a port");
    listener.local_addr().expect("its address").to_string()
}

fn start(addr: &str, how: &str) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_waits"));
    Process::start(command.args([addr, how]).env("EBBTIDE_GRACE", "20s"))
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
    let mut waits = start(&nobody(), "seldom");
    waits.says("attempt=1");
    waits.signal(Signal::TERM);
    let ended = waits.ended(LONG).expect("it does not end");
    ended.code(0).within(Duration::from_secs(1)).said("closed first").never_said("opened second");
}

#[test]
fn a_signal_ends_an_attempt_that_nobody_answers() {
    let silent = TcpListener::bind(ALONE).expect("a port");
    let mut waits = start(&silent.local_addr().expect("its address").to_string(), "often");
    let held = silent.accept().expect("it comes");
    waits.signal(Signal::TERM);
    let ended = waits.ended(LONG).expect("it does not end");
    ended.code(0).within(Duration::from_secs(1)).said("closed first").never_said("opened second");
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
