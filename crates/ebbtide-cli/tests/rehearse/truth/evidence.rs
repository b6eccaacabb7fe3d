//! What a verdict rests on: evidence that agrees with itself, causes that are stated only where nothing else is possible, and too
//! little to tell.

use super::scene::{Row, Says, holds};

#[test]
fn a_loss_by_our_own_clean_up_is_not_counted() {
    let row = Row::guilty("worker-outlives", &[("no-orphans", "python3")]).with(&["--slow-time=2s"]).torn();
    let seen = holds(&row);
    let verdict = seen.verdict.as_ref().unwrap();
    assert_eq!(verdict["lost_by_shutdown"], 0, "{verdict:#}");
    assert!(verdict["requests"]["ended_by_clean_up"].as_u64() > Some(0), "{verdict:#}");
}

#[test]
fn a_loss_by_the_kill_at_the_end_of_the_grace_period_says_so() {
    let fault = ("requests-answered", "SIGKILL ended the process at the end of the grace period");
    holds(&Row::guilty("stuck", &[fault]).with(&["--grace=1s", "--slow-time=3s"]).torn());
}

#[test]
fn half_a_request_is_not_being_worked_on() {
    let seen = holds(&Row::guilty("exits-at-once", &[("phases-served", "half a head sent")]));
    let evidence = seen.evidence("requests-answered");
    let half = evidence.lines().find(|line| line.contains("half a head sent")).unwrap();
    assert!(half.contains("with the request half sent"), "{half}");
}

#[test]
fn a_reset_request_is_not_said_to_have_waited_in_the_accept_queue() {
    let seen = holds(&Row::guilty("reset", &[("requests-answered", "reset with no response byte")]));
    assert!(!seen.evidence("requests-answered").contains("queue"), "{}", seen.evidence("requests-answered"));
}

#[test]
fn the_headline_and_the_evidence_are_one_number() {
    let seen = holds(&Row::guilty("unanswered", &[("requests-answered", "no response byte")]));
    let verdict = seen.verdict.as_ref().unwrap();
    let lost = verdict["lost_by_shutdown"].as_u64().unwrap();
    let evidence = seen.evidence("requests-answered");
    // `storm: 3 of 7 lost …`, one line for each shape and reason.
    let counts = evidence.lines().filter_map(|line| line.split_once(": ")?.1.split_once(" of "));
    let sum: u64 = counts.filter_map(|(count, _)| count.replace(',', "").parse::<u64>().ok()).sum();
    assert_eq!((lost, true), (sum, lost > 0), "{evidence}");
}

#[test]
fn a_stop_that_takes_long_says_what_the_service_waited_for() {
    let why = ("exit-in-time", "had no `Connection: close`: their connections stayed in use");
    holds(&Row::guilty("keeps-connections", &[why]).with(&["--grace=1s"]).torn());
}

/// One request a second: nothing is in flight when the signal comes.
const QUIET: [&str; 5] = ["--slow=0", "--storm=0", "--keepalive=0", "--open=1", "--no-phases"];

#[test]
fn a_fast_service_with_nothing_in_flight_is_inconclusive_and_fails_only_if_strict() {
    let seen = holds(&Row::innocent("exits-at-once", &QUIET).says(Says::Inconclusive));
    assert!(
        seen.evidence("requests-answered").contains("--repeat"),
        "{}",
        seen.evidence("requests-answered")
    );
    let strict: &[&str] = &["--slow=0", "--storm=0", "--keepalive=0", "--open=1", "--no-phases", "--strict"];
    holds(&Row::innocent("exits-at-once", strict).says(Says::Fail));
}

#[test]
fn a_pass_states_what_was_in_flight() {
    let seen = holds(&Row::innocent("perfect", &["--slow=6"]));
    let in_flight = &seen.verdict.as_ref().unwrap()["in_flight_at_signal"];
    assert!(in_flight["slow"].as_u64() > Some(0), "{in_flight}");
    assert!(seen.evidence("requests-answered").contains("in flight at the signal: storm"));
}
