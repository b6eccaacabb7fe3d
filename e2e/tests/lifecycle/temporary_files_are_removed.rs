//! Temporary files are removed whichever way the process ends: in order, by the watchdog, by a second signal, by a start-up that
//! fails.
#![expect(clippy::expect_used, reason = "a helper that fails fails its test")]

use std::time::Duration;

use ebbtide_e2e::{Ended, Process, free_port, service};
use rustix::process::Signal;
use tempfile::TempDir;

const LONG: Duration = Duration::from_secs(20);
/// Within the grace period that the service has here.
const GRACE: Duration = Duration::from_secs(8);

fn start(amiss: &str) -> (Process, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = service("leaves");
    // Nothing listens there: a call is refused at once.
    let away = format!("127.0.0.1:{}", free_port());
    command.args([&away, &away]).arg(folder.path()).arg(amiss);
    command.env("EBBTIDE_GRACE", "8s").env("EBBTIDE_LAME_DUCK", "0s");
    (Process::start(&mut command), folder)
}

/// How many files and folders are left.
fn left(folder: &TempDir) -> usize {
    std::fs::read_dir(folder.path()).expect("it is read").count()
}

/// Stops it in one of the ways, and returns how it ended and what is left.
fn stopped(amiss: &str, signals: usize) -> (Ended, usize) {
    let (mut process, folder) = start(amiss);
    process.says("phase=ready");
    assert_eq!(left(&folder), 1);
    process.signal(Signal::TERM);
    if signals > 1 {
        process.says("a second signal ends the process at once");
        process.second_signal(Signal::TERM);
    }
    let ended = process.ended(LONG).expect("it does not end");
    (ended, left(&folder))
}

#[test]
fn in_order() {
    let (ended, left) = stopped("", 1);
    ended.said("lifecycle exited");
    assert_eq!(left, 0);
}

#[test]
fn by_the_watchdog() {
    let (ended, left) = stopped("blocks", 1);
    ended.code(4).within(GRACE);
    assert_eq!(left, 0);
}

/// The dispatcher has not seen them: they were registered when it was blocked already.
#[test]
fn by_the_watchdog_what_was_registered_on_a_blocked_runtime_and_its_flushers_run() {
    let (mut process, folder) = start("blocked");
    process.says("registered");
    assert_eq!(left(&folder), 1);
    process.signal(Signal::TERM);
    process.ended(LONG).expect("it does not end").code(4).said("flushed").within(GRACE);
    assert_eq!(left(&folder), 0);
}

#[test]
fn by_a_second_signal() {
    for amiss in ["hangs", "blocks"] {
        let (ended, left) = stopped(amiss, 2);
        ended.by_signal(Signal::TERM);
        assert_eq!(left, 0, "{amiss}");
    }
}

#[test]
fn by_a_start_up_that_fails() {
    let (mut process, folder) = start("fails");
    process.ended(LONG).expect("it does not end").code(1).said("no database");
    assert_eq!(left(&folder), 0);
}

#[test]
fn the_opposite_a_folder_that_removes_itself_when_it_is_dropped_is_left_by_both() {
    let (ended, left) = stopped("tempdir", 1);
    ended.code(4);
    assert_eq!(left, 1);
    let (ended, left) = stopped("tempdir", 2);
    ended.by_signal(Signal::TERM);
    assert_eq!(left, 1);
}
