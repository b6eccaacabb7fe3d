//! The listener's close: what is old and what is new, at each address.

use super::scene::{Row, holds};

#[test]
fn what_was_open_before_the_first_refusal_is_not_new_after_it() {
    let seen = holds(&Row::innocent("closes-first", &[]));
    assert!(seen.evidence("phases-served").contains("none lost"), "{}", seen.evidence("phases-served"));
    holds(&Row::guilty("reopens", &[("refusals-clean", "accepted after the first refusal")]));
}

#[test]
fn a_health_port_that_closes_first_is_red_and_no_refusal_of_the_service() {
    holds(&Row::innocent(
        "health-closes-first",
        &[
            "--ready=http://127.0.0.1:{second}/readyz",
            "--require-readiness",
            "--url=storm=http://127.0.0.1:{port}/",
            "--url=keepalive=http://127.0.0.1:{port}/",
            "--url=open=http://127.0.0.1:{port}/",
            "--slow=0",
        ],
    ));
    let close = ("readiness-before-close", "readiness was never seen red");
    holds(&Row::guilty("stays-green", &[close]).with(&["--require-readiness"]));
}

#[test]
fn a_new_connection_that_is_closed_before_its_first_byte_is_found() {
    let close = ("refusals-clean", "accepted after the signal and closed with no response byte");
    holds(&Row::guilty("accepts-and-closes", &[close, ("requests-answered", "storm: ")]));
}

#[test]
fn readiness_that_was_red_before_the_signal_announces_nothing() {
    let before = ("readiness-before-close", "red (503) before the signal already");
    holds(&Row::guilty("red-before", &[before]).with(&["--require-readiness"]));
    holds(&Row::innocent("perfect", &["--require-readiness"]));
}
