//! HTTP as it is spoken, and answers that look whole and are not what the service answered before the signal.

use super::scene::{Row, Says, holds};

#[test]
fn an_interim_response_is_not_the_answer_neither_to_a_client_nor_to_the_probe() {
    holds(&Row::innocent("hints", &["--require-readiness"]));
    let seen = holds(&Row::guilty("hints-then-cut", &[("requests-answered", "no response byte")]));
    assert!(!seen.evidence("phases-served").contains("none lost"), "{}", seen.evidence("phases-served"));
}

#[test]
fn trailers_belong_to_the_answer_and_a_missing_last_chunk_is_a_cut() {
    holds(&Row::innocent("trailers", &[]));
    holds(&Row::guilty("chunks-cut", &[("requests-answered", "response cut within its body")]));
}

#[test]
fn an_answer_to_head_is_whole_without_its_body() {
    holds(&Row::innocent("perfect", &["--url=keepalive=HEAD:/", "--url=storm=HEAD:/"]));
}

#[test]
fn a_probe_needs_the_status_alone_and_takes_what_the_kubelet_takes() {
    holds(&Row::innocent("open-readiness", &[]));
    holds(&Row::innocent("redirecting-readiness", &["--require-readiness"]));
}

#[test]
fn an_answer_cut_in_its_head_or_body_and_one_that_is_no_http_are_told_apart() {
    holds(&Row::guilty("half-head", &[("requests-answered", "response cut within its head")]));
    holds(&Row::guilty("half-body", &[("requests-answered", "response cut within its body")]));
    holds(&Row::guilty("garbage", &[("requests-answered", "response is not HTTP/1")]));
}

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
