//! The signal and the end of the process, judged by what happened.

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
