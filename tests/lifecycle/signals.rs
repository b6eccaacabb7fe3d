//! Signals are handled from the first instruction of `main` on. A second one always ends the process.
#![expect(clippy::expect_used, clippy::panic, reason = "a helper that fails fails its test")]

use std::process::{Command, Stdio};
use std::time::Duration;

use ebbtide_tests::{Ended, Process, ReportFile, service, service_program};
use rustix::process::Signal;

const LONG: Duration = Duration::from_secs(30);

/// The default of `Lifecycle::signal_guard`.
const GUARD: Duration = Duration::from_millis(300);

fn victim(fault: &str) -> Command {
    let mut command = service("victim");
    command.arg(fault).env("EBBTIDE_GRACE", "20s");
    command
}

/// Sends a signal, and a second one when `phase` was logged.
fn second_signal(fault: &str, up: &str, phase: &str) -> Ended {
    let mut victim = Process::start(&mut victim(fault));
    victim.says(up);
    victim.signal(Signal::TERM);
    victim.says("a second signal terminates the process");
    victim.says(phase);
    victim.second_signal(Signal::TERM);
    victim.ended(LONG).expect("the process survived a second signal")
}

#[test]
fn a_second_signal_ends_the_process_by_its_default_action_in_every_phase() {
    for (fault, up, phase) in [
        ("blocked-start", "opened first", "phase=draining"),
        ("lame-duck", "phase=ready", "phase=lame_duck"),
        ("hanging-hook", "phase=ready", "phase=draining"),
        ("stubborn-task", "phase=ready", "phase=draining"),
        ("spinning-runtime", "phase=ready", "a second signal"),
        ("hanging-close", "phase=ready", "phase=closing"),
        ("deadlocked-flush", "phase=ready", "lifecycle exited"),
    ] {
        second_signal(fault, up, phase).by_signal(Signal::TERM);
    }
}

/// One stop request can be delivered twice, for example by a terminal and a parent that forwards signals.
#[test]
fn a_signal_that_is_delivered_twice_cancels_nothing() {
    for (first, second) in [(Signal::TERM, Signal::INT), (Signal::INT, Signal::TERM)] {
        let mut victim = Process::start(&mut victim("slow-task"));
        victim.says("up");
        victim.signal(first);
        victim.signal(second);
        let ended = victim.ended(LONG).expect("the process does not exit");
        ended.code(0).said("duplicate signal ignored").said("the task finished").said("closed first");
    }
}

/// The kernel merges equal pending signals, so each is handled before the next is sent. The guard time is long, so that on a
/// busy machine a duplicate does not count as a second signal.
#[test]
fn each_signal_within_the_guard_time_is_a_duplicate() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut victim = Process::start(victim("slow-task").arg("60000"));
        victim.says("up");
        victim.signal(signal);
        victim.says("; shutting down within ");
        for times in 1..=3 {
            victim.signal(signal);
            victim.says_times("duplicate signal ignored", times);
        }
        victim
            .ended(LONG)
            .expect("the process does not exit")
            .code(0)
            .said("the task finished")
            .said("closed first");
    }
}

/// The opposite: without a guard time the same duplicate ends the process, and the task with it.
#[test]
fn the_opposite_without_a_guard_time_a_duplicate_ends_the_process() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut victim = Process::start(victim("slow-task").arg("0"));
        victim.says("up");
        victim.signal(signal);
        victim.says("; shutting down within ");
        victim.signal(signal);
        let ended = victim.ended(LONG).expect("the process survived a second signal");
        ended.by_signal(signal).never_said("the task finished").never_said("closed first");
    }
}

/// Each way to have no running lifecycle, with the environment variable that it needs.
const WITHOUT: [(&str, &str, &str); 4] = [
    ("dropped", "EBBTIDE_GRACE", "5s"),
    ("refused", "EBBTIDE_GRACE", "soon"),
    ("printed", "EBBTIDE_PLAN", "text"),
    ("over", "EBBTIDE_GRACE", "5s"),
];

/// A program that continues without a lifecycle is terminated by a signal like one that never had one.
#[test]
fn a_dropped_refused_or_finished_lifecycle_restores_the_signal_handlers() {
    for (how, variable, value) in WITHOUT {
        let mut command = service("unstarted");
        let mut unstarted = Process::start(command.arg(how).env(variable, value));
        unstarted.says("goes on");
        unstarted.signal(Signal::TERM);
        unstarted.ended(LONG).expect("the process survived the signal").by_signal(Signal::TERM);
    }
}

/// Only the program's handler remains: it is called, and the program continues.
#[test]
fn without_a_lifecycle_the_handlers_of_the_program_receive_the_signals() {
    for (how, variable, value) in WITHOUT {
        for own in ["before", "after"] {
            let mut command = service("unstarted");
            let mut unstarted = Process::start(command.args([how, own]).env(variable, value));
            unstarted.says("goes on");
            for times in 1..=3 {
                unstarted.signal(Signal::TERM);
                unstarted.says_times("the program's own SIGTERM", times);
                unstarted.signal(Signal::INT);
                unstarted.says_times("the program's own SIGINT", times);
            }
            unstarted.signal(Signal::KILL);
            unstarted.ended(LONG).expect("the process is killed").by_signal(Signal::KILL);
        }
    }
}

#[test]
fn a_lifecycle_that_has_ended_leaves_no_thread_and_no_descriptor() {
    let mut unstarted = Process::start(service("unstarted").arg("often").env("EBBTIDE_GRACE", "5s"));
    let ended = unstarted.ended(LONG).expect("a thread or descriptor is left");
    ended.code(0).said("nothing is left").never_said("false");
}

#[test]
fn a_second_interrupt_ends_the_process_as_an_interrupt() {
    let mut victim = Process::start(&mut victim("stubborn-task"));
    victim.says("phase=ready");
    victim.signal(Signal::TERM);
    victim.says("a second signal");
    victim.second_signal(Signal::INT);
    victim.ended(LONG).expect("the process survived a second signal").by_signal(Signal::INT);
}

#[test]
fn a_signal_during_start_up_abandons_it_and_closes_what_was_opened() {
    let mut victim = Process::start(&mut victim("slow-start"));
    victim.says("opened first");
    victim.signal(Signal::TERM);
    let ended = victim.ended(LONG).expect("the process does not exit");
    ended.code(0).said("closed first").said("flushed").never_said("opened second").never_said("phase=ready");
}

#[test]
fn a_start_up_that_fails_closes_what_was_opened() {
    for (fault, said) in [("failing-start", "no database"), ("panicking-start", "start-up fell over")] {
        let mut victim = Process::start(&mut victim(fault));
        let ended = victim.ended(LONG).expect("the process does not exit");
        ended.code(1).said(said).said("closed first").said("flushed").never_said("phase=ready");
    }
}

/// Returns the time from `exec` to the start-up.
fn time_to_begin() -> Duration {
    let mut victim = Process::start(&mut victim("several-awaits"));
    victim.says("opened");
    let age = victim.age();
    victim.signal(Signal::KILL);
    victim.ended(LONG).expect("the process does not exit");
    age
}

#[test]
fn a_signal_at_any_time_after_exec_closes_what_was_opened() {
    let begins = (0..5).map(|_| time_to_begin()).max().expect("five");
    let moments = u64::try_from(begins.as_micros()).expect("a short time") * 2;
    let (mut rounds, mut reached) = (0_u64, 0);
    // At least two hundred rounds, and until a hundred have reached `main`: on a busy machine a start takes longer than measured.
    while rounds < 200 || reached < 100 {
        assert!(rounds < 2000, "only {reached} of {rounds} rounds reached main");
        let round = rounds;
        rounds += 1;
        let mut victim = Process::start(&mut victim("several-awaits"));
        // Later in each round: from `exec` to well after the start-up has begun.
        std::thread::sleep(Duration::from_micros(round * moments / 200));
        victim.signal(Signal::TERM);
        let ended = victim.ended(LONG).expect("the process does not exit");
        let (opened, closed) =
            (ended.output.matches("opened").count(), ended.output.matches("closed").count());
        assert_eq!(opened, closed, "round {round}:\n{}", ended.output);
        if ended.status.code().is_none() {
            // Before the first instruction of `main` the signal has its default action, and no resource was opened.
            ended.by_signal(Signal::TERM).never_said("opened");
        } else {
            reached += 1;
            ended.code(0).said("lifecycle exited");
            // If the signal came before the start-up, there is nothing to flush.
            assert_eq!(opened > 0, ended.output.contains("flushed"), "round {round}:\n{}", ended.output);
        }
    }
}

#[test]
fn an_interrupt_that_the_parent_ignores_stays_ignored() {
    // A non-interactive shell starts background commands with SIGINT ignored.
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' INT; exec \"$0\" \"$@\""]).arg(service_program()).arg("victim");
    let mut shell = Process::start(command.env("EBBTIDE_GRACE", "20s"));
    shell.says("phase=ready");
    shell.signal(Signal::INT);
    shell.signal(Signal::TERM);
    let ended = shell.ended(LONG).expect("the process does not exit");
    ended.code(0).said("SIGTERM received").never_said("SIGINT received");
}

#[test]
fn an_interrupt_from_a_terminal_skips_the_lame_duck() {
    let lasted = |stdin: Stdio, lame_duck: Duration| {
        let report = ReportFile::new();
        let mut command = victim("lame-duck");
        command.env("EBBTIDE_GRACE", "120s").env("EBBTIDE_LAME_DUCK", format!("{}ms", lame_duck.as_millis()));
        let mut victim = Process::start(command.stdin(stdin).env("EBBTIDE_REPORT", report.path()));
        victim.says("phase=ready");
        victim.signal(Signal::INT);
        victim.ended(LONG).expect("the process does not exit").code(0);
        report.lame_duck()
    };
    let master = rustix::pty::openpt(rustix::pty::OpenptFlags::RDWR | rustix::pty::OpenptFlags::NOCTTY)
        .expect("a pseudo-terminal");
    rustix::pty::grantpt(&master).expect("granted");
    rustix::pty::unlockpt(&master).expect("unlocked");
    let name = rustix::pty::ptsname(&master, Vec::new()).expect("a name").into_string().expect("UTF-8");
    let terminal = std::fs::OpenOptions::new().read(true).write(true).open(name).expect("opened");
    // So long that a slow machine cannot take it for a lame duck that was not skipped.
    let long = Duration::from_secs(60);
    assert!(lasted(terminal.into(), long) < long, "the lame duck was not skipped");
    // It counts from the arrival of the signal, and the phase from its processing, which a busy machine delays.
    let short = Duration::from_secs(2);
    assert!(lasted(Stdio::null(), short) >= short / 2, "the lame duck was skipped without a terminal");
}

#[test]
fn as_pid_1_the_first_signal_stops_in_order_and_the_second_ends_with_128_plus_n() {
    let as_pid_1 = |inner: &Command| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--pid", "--fork", "--kill-child"]);
        command.arg(inner.get_program()).args(inner.get_args());
        Process::start(command.env("EBBTIDE_GRACE", "20s"))
    };
    let mut once = as_pid_1(&victim(""));
    once.says("phase=ready");
    signal_child_of(&once, Signal::TERM);
    once.ended(LONG).expect("the process does not exit").code(0).said("closed first").said("flushed");

    let mut twice = as_pid_1(&victim("stubborn-task"));
    twice.says("phase=ready");
    signal_child_of(&twice, Signal::TERM);
    twice.says("a second signal");
    std::thread::sleep(GUARD);
    signal_child_of(&twice, Signal::TERM);
    twice.ended(LONG).expect("the process survived a second signal").code(128 + 15);

    // The opposite: without a handler the kernel drops the signal.
    let mut sleep = as_pid_1(Command::new("sleep").arg("1000"));
    wait_for_child_of(&sleep);
    signal_child_of(&sleep, Signal::TERM);
    assert!(sleep.ended(Duration::from_millis(500)).is_none(), "sleep as PID 1 received a SIGTERM");
}

/// Returns the pid of the only child when it has executed its program.
fn wait_for_child_of(parent: &Process) -> u32 {
    let pid = parent.pid();
    let limit = 30_000;
    for _ in 0..limit {
        let children =
            std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        if let Some(child) = children.split_whitespace().next().and_then(|child| child.parse().ok()) {
            let name = std::fs::read_to_string(format!("/proc/{child}/comm")).unwrap_or_default();
            if name.trim() != "unshare" {
                return child;
            }
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("no child of {pid}");
}

fn signal_child_of(parent: &Process, signal: Signal) {
    let child = i32::try_from(wait_for_child_of(parent)).expect("a pid");
    let child = rustix::process::Pid::from_raw(child).expect("a pid");
    rustix::process::kill_process(child, signal).expect("the child runs");
}
