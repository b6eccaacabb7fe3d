//! The stop: the signal, the close of the listener, and the end of the process, judged by what happened.

use super::scene::{Row, holds};

#[test]
fn a_service_that_waits_for_its_signal_handles_it() {
    let seen = holds(&Row::innocent("sigwait", &[]));
    assert!(
        seen.evidence("signal-handled").contains("ended by itself"),
        "{}",
        seen.evidence("signal-handled")
    );
    holds(&Row::guilty("no-handler", &[("signal-handled", "default action ended the process")]).torn());
    holds(&Row::guilty("ignores", &[("signal-handled", "ignores SIGTERM")]).with(&["--grace=1s"]).torn());
}

#[test]
fn a_service_that_drains_and_raises_the_signal_again_handled_it() {
    holds(&Row::innocent("raises-again", &["--expect-exit=0,signal:TERM"]));
    let seen = holds(&Row::guilty("raises-again", &[("exit-code", "--expect-exit signal:TERM")]));
    assert!(
        seen.evidence("signal-handled").contains("handled SIGTERM"),
        "{}",
        seen.evidence("signal-handled")
    );
}

#[test]
fn several_exit_codes_may_be_expected() {
    holds(&Row::innocent("exits-143", &["--expect-exit=0,143"]));
    holds(&Row::guilty("exits-143", &[("exit-code", "--expect-exit 143")]));
}

#[test]
fn a_process_that_ends_at_once_loses_what_is_in_flight() {
    let seen = holds(&Row::guilty("exits-at-once", &[("requests-answered", "slow: ")]));
    assert!(seen.evidence("requests-answered").contains("when the process ended"));
    holds(&Row::guilty("closes-at-once", &[("requests-answered", "new connection reset")]));
}

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
