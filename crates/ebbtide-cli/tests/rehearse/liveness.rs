//! Liveness: a path that has to be green until the listener closes.

use crate::scene::{Row, Says, holds};

const LIVEZ: &[&str] = &["--liveness=/livez"];

#[test]
fn a_liveness_that_stays_green_passes() {
    let seen = holds(&Row::innocent("perfect", LIVEZ));
    let evidence = seen.evidence("liveness-stays-green");
    assert!(evidence.contains(" green polls after the signal, "), "{evidence}");
    assert!(seen.record.lines().any(|line| line.contains("\"event\":\"liveness\"")));
    // At an address of its own.
    holds(&Row::innocent("perfect", &["--liveness=http://127.0.0.1:{second}/livez"]));
    let seen = holds(&Row::innocent("liveness-red", &[]));
    assert_eq!(seen.evidence("liveness-stays-green"), "no liveness was given");
}

#[test]
fn a_liveness_that_turns_red_or_is_not_answered_fails() {
    let fails = |mode, evidence| {
        let seen = holds(&Row::guilty(mode, &[("liveness-stays-green", evidence)]).with(LIVEZ));
        seen.hint("liveness-stays-green")
    };
    let hint = fails("liveness-red", "red (503) at +");
    assert_eq!(hint, "answer liveness with 200 until the exit: only readiness turns red");
    fails("liveness-hangs", "no answer within 1 s at +");
    fails("liveness-dropped", "connections were closed without an answer from +");
}

#[test]
fn a_liveness_that_is_the_readiness_path_fails_with_a_hint() {
    let row = Row::guilty("perfect", &[("liveness-stays-green", "red (503) at +")]);
    let seen = holds(&row.with(&["--liveness=/readyz"]));
    assert!(seen.hint("liveness-stays-green").contains("a path of its own"));
}

#[test]
fn a_liveness_path_that_does_not_exist_is_inconclusive() {
    let seen = holds(&Row::innocent("liveness-missing", LIVEZ).says(Says::Inconclusive));
    let evidence = seen.evidence("liveness-stays-green");
    assert_eq!(evidence, "liveness was red (404) before the signal already");
}
