//! What was sent to a worker pool before the stop is done before the process goes.
#![expect(clippy::expect_used, reason = "a helper that fails fails its test")]

use std::time::Duration;

use ebbtide_e2e::{Ended, Process, service};
use rustix::process::Signal;

const JOBS: usize = 200;

fn stopped(how: &[&str]) -> (Ended, usize) {
    let mut command = service("pools");
    let mut process = Process::start(command.args(how).env("EBBTIDE_GRACE", "20s"));
    process.says("all sent");
    process.says("phase=ready");
    process.signal(Signal::TERM);
    let ended = process.ended(Duration::from_secs(20)).expect("it does not end");
    let done = ended.output.matches("done ").count();
    (ended, done)
}

#[test]
fn every_job_that_was_sent_is_done() {
    let (ended, done) = stopped(&[]);
    ended.code(0);
    assert_eq!(done, JOBS);
}

#[test]
fn the_opposite_a_channel_by_hand_takes_its_jobs_along() {
    let (ended, done) = stopped(&["by-hand"]);
    ended.code(0);
    assert!(done < JOBS, "all {done} were done");
}

#[test]
fn every_job_that_a_pool_hands_on_to_another_is_done() {
    for pools in ["2", "3"] {
        let (ended, done) = stopped(&["chain", pools]);
        ended.code(0);
        assert_eq!(done, JOBS, "{pools} pools");
    }
}

#[test]
fn the_opposite_a_pool_that_is_registered_after_the_one_that_feeds_it_turns_its_jobs_away() {
    let (ended, done) = stopped(&["backwards"]);
    ended.code(0);
    assert!(done < JOBS, "all {done} were done");
    assert!(ended.output.contains("background job failed"), "{}", ended.output);
}
