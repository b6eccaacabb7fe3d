//! What went wrong before the signal is not the shutdown's fault, and a load is not more than the service can carry.

use super::scene::{Row, Says, holds};

#[test]
fn errors_that_come_all_the_time_are_not_blamed_on_the_shutdown() {
    holds(&Row::innocent("some-errors", &["--warmup=800ms"]));
    holds(
        &Row::guilty("some-errors-then-all", &[("requests-answered", "status 500")])
            .with(&["--warmup=800ms"]),
    );
}

#[test]
fn an_idle_timeout_that_races_the_clients_is_not_blamed_on_the_shutdown() {
    holds(&Row::innocent("idle-timeout", &["--think=60ms-140ms", "--keepalive=30", "--warmup=1s"]));
}

#[test]
fn a_baseline_that_is_broken_is_no_verdict() {
    let seen = holds(&Row::innocent("broken", &["--slow=0"]).says(Says::NotRehearsed));
    assert!(seen.words().contains("failed before the signal (status 500)"), "{}", seen.words());
}

#[test]
fn a_service_with_one_connection_at_a_time_is_loaded_as_it_can_bear() {
    holds(&Row::innocent("one-at-a-time", &FITTED));
    holds(&Row::guilty("one-at-a-time-cut", &[("requests-answered", "storm: ")]).with(&FITTED));
}

#[test]
fn the_default_load_suits_a_slow_service() {
    holds(&Row::innocent("hundred-a-second", &FITTED));
}

/// The default load, whose numbers are fitted to the service.
const FITTED: [&str; 2] = ["--slow=0", "--fitted"];
