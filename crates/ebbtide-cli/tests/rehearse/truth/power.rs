//! What a verdict rests on: pass, fail, or too little to tell.

use super::scene::{Row, Says, holds};

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
