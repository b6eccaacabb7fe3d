//! Answers that look whole and are not what the service answered before the signal.

use super::scene::{Row, Says, holds};

#[test]
fn a_body_that_ends_with_the_connection_is_compared_with_those_before_the_signal() {
    holds(&Row::innocent("close-delimited", &["--slow=0"]));
    let cut = ("requests-answered", "shorter than every one before the signal");
    holds(&Row::guilty("close-delimited-cut", &[cut]).with(&["--slow=0"]));
    let row = Row::innocent("close-delimited-varying", &["--slow=0"]).says(Says::Inconclusive);
    let seen = holds(&row);
    assert!(seen.evidence("requests-answered").contains("a cut would not show"));
}

#[test]
fn a_status_that_exists_only_after_the_signal_is_a_finding() {
    holds(&Row::guilty("all-404", &[("requests-answered", "status 404")]));
    holds(&Row::guilty("all-429", &[("requests-answered", "status 429")]));
    holds(&Row::guilty("all-302", &[("requests-answered", "status 302")]));
}

#[test]
fn a_body_that_is_empty_or_another_only_after_the_signal_is_a_finding() {
    holds(&Row::guilty("all-empty", &[("requests-answered", "empty body")]));
    holds(&Row::guilty("other-page", &[("requests-answered", "another body")]));
    // A body that changes all the time is compared with nothing.
    holds(&Row::innocent("dynamic", &["--slow=0"]));
}

#[test]
fn a_status_that_is_the_policy_of_the_service_may_be_allowed() {
    holds(&Row::innocent("refuses-503", &["--allow-status=503"]));
    holds(&Row::guilty("refuses-503", &[("requests-answered", "--allow-status")]));
}
