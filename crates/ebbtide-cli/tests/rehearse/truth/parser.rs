//! HTTP as it is spoken: interim responses, trailers, HEAD, bodies that end with the connection.

use super::scene::{Row, holds};

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
