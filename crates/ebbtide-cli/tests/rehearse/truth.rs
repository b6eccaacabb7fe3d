//! Compares the verdict with the truth: each service records the requests that it read and answered (`truth.py`), and the verdict
//! must agree with that record for each request. `cargo test -p ebbtide-cli --test rehearse truth:: -- --nocapture
//! --test-threads=1` prints the table.
//!
//! Before the signal: what a service needs for a rehearsal, which path the load uses by default, and failures before the signal,
//! which are not the shutdown's fault.
//!
//! HTTP on the wire, and responses that look complete but differ from those before the signal.
//!
//! The shutdown: the signal, the close of the listener, and the end of the process, judged by what was observed.
//!
//! The basis of a verdict: consistent evidence, causes that are stated only when nothing else is possible, and inconclusive
//! results.

use crate::scene::{Row, Says, holds};

#[track_caller]
fn says(mode: &'static str, options: &'static [&'static str], words: &[&str]) {
    let seen = holds(&Row::innocent(mode, options).says(Says::NotRehearsed));
    for word in words {
        assert!(seen.words().contains(word), "{word}: {}", seen.words());
    }
}

#[test]
fn an_unready_service_is_reported_with_the_addresses_it_listens_on() {
    says("on-ipv6", &["--ready-timeout=8s"], &["nothing listened there", "listens on [::1]:"]);
    says("on-unix", &["--ready-timeout=8s"], &["listens on unix:/"]);
}

#[test]
fn tls_where_http_was_expected_is_named() {
    says("tls", &["--ready-timeout=8s"], &["/readyz was answered with TLS", "plain HTTP"]);
}

#[test]
fn a_grpc_status_and_http2_are_not_readiness() {
    let limit: &[&str] = &["--ready-timeout=8s"];
    says("grpc", limit, &["/readyz was answered with a gRPC status", "hint: --ready PORT waits for"]);
    says("http2", limit, &["/readyz was answered with HTTP/2", "hint: --http2 sends"]);
    // Readiness is HTTP, and no other route is.
    says("grpc-routes", &[], &["no route to load was found: GET / answers a gRPC status"]);
    let seen = holds(&Row::innocent("grpc-routes", &GRPC).says(Says::Inconclusive));
    let evidence = seen.evidence("routes-served");
    assert!(
        evidence.contains("before the signal had status 200 with the gRPC status UNIMPLEMENTED"),
        "{evidence}"
    );
}

const GRPC: [&str; 4] = ["--slow=0", "--url=storm=/", "--url=keepalive=/", "--url=open=/"];

#[test]
fn a_service_that_moves_to_the_background_or_reads_stdin_gets_a_hint() {
    says("daemon", &[], &["left running: python3", "in the foreground"]);
    says("stdin", &[], &["exit code 0", "standard input is /dev/null"]);
}

#[test]
fn a_file_that_cannot_be_written_is_refused_before_the_first_run() {
    let output = crate::common::ebbtide()
        .args(["rehearse", "--format=json=/no/such/folder/file", "--ready=1", "--", "/no/such/program"])
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{words}");
    assert!(words.contains("cannot write /no/such/folder/file"), "{words}");
}

#[test]
fn a_graceful_service_passes_with_only_its_readiness_url() {
    holds(&Row::innocent("perfect", &[]));
}

#[test]
fn the_default_load_never_requests_the_readiness_path() {
    holds(&Row::innocent("no-root", &[]));
    let seen = holds(&Row::innocent("only-readiness", &[]).says(Says::NotRehearsed));
    assert!(seen.words().contains("no route to load was found: GET / answers 404"), "{}", seen.words());
    assert!(seen.words().contains("--url"), "{}", seen.words());
}

#[test]
fn the_default_load_never_requests_an_alias_of_the_readiness_path() {
    holds(&Row::innocent("health-aliases", &[]));
}

#[test]
fn a_status_that_readiness_announces_is_not_a_loss_on_that_path() {
    holds(&Row::innocent("perfect", &["--url=keepalive=/readyz", "--require-readiness"]));
    // Another status is a loss there too, whether a probe has seen it or not.
    let other = Row::guilty("readiness-500", &[("requests-answered", "status 500")]);
    holds(&other.with(&["--url=keepalive=/readyz", "--require-readiness"]));
    // The same status on another path is a loss.
    holds(&Row::guilty("refuses-503", &[("requests-answered", "status 503")]));
}

#[test]
fn constant_errors_are_not_attributed_to_the_shutdown() {
    holds(&Row::innocent("some-errors", &["--warmup=800ms"]));
    holds(
        &Row::guilty("some-errors-then-all", &[("requests-answered", "status 500")])
            .with(&["--warmup=800ms"]),
    );
}

#[test]
fn an_idle_timeout_race_is_not_attributed_to_the_shutdown() {
    const LOAD: [&str; 4] = ["--think=60ms-140ms", "--keepalive=30", "--warmup=1s", "--url=keepalive=/"];
    let seen = holds(&Row::innocent("idle-timeout", &LOAD));
    let record =
        seen.record.lines().filter(|line| line.contains("\"keepalive\"") && line.contains("\"unanswered\""));
    assert!(record.count() > 0, "no request met the race: {}", seen.words());
}

#[test]
fn a_broken_baseline_gives_no_verdict() {
    let seen = holds(&Row::innocent("broken", &["--slow=0"]).says(Says::NotRehearsed));
    assert!(seen.words().contains("failed before the signal (status 500)"), "{}", seen.words());
}

#[test]
fn a_service_with_one_connection_at_a_time_is_loaded_within_its_capacity() {
    holds(&Row::innocent("one-at-a-time", &FITTED));
    holds(&Row::guilty("one-at-a-time-cut", &[("requests-answered", "storm: ")]).with(&FITTED));
}

#[test]
fn the_default_load_suits_a_slow_service() {
    holds(&Row::innocent("hundred-a-second", &FITTED));
}

/// The default load, whose numbers are adapted to the service.
const FITTED: [&str; 2] = ["--slow=0", "--fitted"];

#[test]
fn an_interim_response_is_not_final_for_a_client_or_the_probe() {
    holds(&Row::innocent("hints", &["--require-readiness"]));
    let seen = holds(&Row::guilty("hints-then-cut", &[("requests-answered", "no response byte")]));
    assert!(!seen.evidence("phases-served").contains("none lost"), "{}", seen.evidence("phases-served"));
}

#[test]
fn trailers_belong_to_the_response_and_a_missing_last_chunk_is_truncation() {
    holds(&Row::innocent("trailers", &[]));
    holds(&Row::guilty("chunks-cut", &[("requests-answered", "response truncated in its body")]));
}

#[test]
fn a_response_to_head_is_complete_without_a_body() {
    holds(&Row::innocent("perfect", &["--url=keepalive=HEAD:/", "--url=storm=HEAD:/"]));
}

#[test]
fn a_probe_needs_only_the_status_and_accepts_what_the_kubelet_accepts() {
    holds(&Row::innocent("open-readiness", &[]));
    holds(&Row::innocent("redirecting-readiness", &["--require-readiness"]));
}

#[test]
fn truncated_heads_truncated_bodies_and_non_http_are_distinguished() {
    holds(&Row::guilty("half-head", &[("requests-answered", "response truncated in its head")]));
    holds(&Row::guilty("half-body", &[("requests-answered", "response truncated in its body")]));
    holds(&Row::guilty("garbage", &[("requests-answered", "response is not HTTP")]));
}

#[test]
fn a_body_that_ends_with_the_connection_is_compared_with_those_before_the_signal() {
    holds(&Row::innocent("close-delimited", &["--slow=0"]));
    let cut = ("requests-answered", "shorter than every one before the signal");
    holds(&Row::guilty("close-delimited-cut", &[cut]).with(&["--slow=0"]));
    let row = Row::innocent("close-delimited-varying", &["--slow=0"]).says(Says::Inconclusive);
    let seen = holds(&row);
    assert!(seen.evidence("requests-answered").contains("truncation would not be detected"));
}

#[test]
fn a_status_that_exists_only_after_the_signal_is_a_finding() {
    holds(&Row::guilty("all-404", &[("requests-answered", "status 404")]));
    holds(&Row::guilty("all-429", &[("requests-answered", "status 429")]));
    holds(&Row::guilty("all-302", &[("requests-answered", "status 302")]));
}

#[test]
fn a_body_that_is_empty_or_different_only_after_the_signal_is_a_finding() {
    holds(&Row::guilty("all-empty", &[("requests-answered", "empty body")]));
    holds(&Row::guilty("other-page", &[("requests-answered", "another body")]));
    // A body that changes all the time is not compared.
    holds(&Row::innocent("dynamic", &["--slow=0"]));
}

#[test]
fn an_intended_status_may_be_allowed() {
    holds(&Row::innocent("refuses-503", &["--allow-status=503"]));
    let seen = holds(&Row::guilty("refuses-503", &[("requests-answered", "status 503")]));
    let marks = &seen.verdict.as_ref().unwrap()["runs"][0]["timeline"]["landmarks"];
    let marks: Vec<&str> =
        marks.as_array().unwrap().iter().filter_map(|mark| mark["what"].as_str()).collect();
    assert!(
        marks.contains(&"first wrong answer (status 503)") && !marks.contains(&"first loss"),
        "{marks:?}"
    );
    assert_eq!(seen.hint("requests-answered"), "if this is intended: --allow-status 503");
}

#[test]
fn a_route_that_answers_only_404_is_inconclusive_unless_that_is_declared() {
    let seen = holds(&Row::innocent("no-root", &["--url=storm=/"]).says(Says::Inconclusive));
    let evidence = seen.evidence("routes-served");
    assert!(evidence.starts_with("GET /: every response before the signal had status 404 ("), "{evidence}");
    let hint = seen.hint("routes-served");
    assert!(hint.contains("`GET /`") && hint.contains("--expect-status 404"), "{hint}");
    holds(&Row::innocent("no-root", &["--url=storm=/", "--strict"]).says(Says::Fail));
    holds(&Row::innocent("no-root", &["--url=storm=/", "--expect-status=404"]));
    // What is declared is still a loss where it occurs only after the signal.
    holds(&Row::guilty("all-404", &[("requests-answered", "status 404")]).with(&["--expect-status=404"]));
}

#[test]
fn a_service_that_waits_for_the_signal_counts_as_handling_it() {
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
fn a_service_that_drains_and_reraises_the_signal_counts_as_handling_it() {
    holds(&Row::innocent("raises-again", &["--expect-exit=0,signal:TERM"]));
    let seen = holds(&Row::guilty("raises-again", &[("exit-code", "ended by SIGTERM")]));
    assert_eq!(seen.hint("exit-code"), "if this exit is intended: --expect-exit signal:TERM");
    assert!(
        seen.evidence("signal-handled").contains("handled SIGTERM"),
        "{}",
        seen.evidence("signal-handled")
    );
}

#[test]
fn several_exit_codes_may_be_expected() {
    holds(&Row::innocent("exits-143", &["--expect-exit=0,143"]));
    let seen = holds(&Row::guilty("exits-143", &[("exit-code", "exit code 143")]));
    assert_eq!(seen.hint("exit-code"), "if this exit is intended: --expect-exit 143");
}

#[test]
fn a_process_that_ends_at_once_loses_what_is_in_flight() {
    let seen = holds(&Row::guilty("exits-at-once", &[("requests-answered", "slow: ")]));
    assert!(seen.evidence("requests-answered").contains("when the process ended"));
    holds(&Row::guilty("closes-at-once", &[("requests-answered", "new connection reset")]));
}

#[test]
fn a_connection_opened_before_the_first_refusal_is_not_new_after_it() {
    let seen = holds(&Row::innocent("closes-first", &[]));
    assert!(seen.evidence("phases-served").contains("none lost"), "{}", seen.evidence("phases-served"));
    holds(&Row::guilty("reopens", &[("refusals-clean", "accepted after the first refusal")]));
}

#[test]
fn a_health_port_that_closes_first_is_red_and_not_a_refusal_of_the_service() {
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
fn readiness_that_failed_before_the_signal_announces_nothing() {
    let before = ("readiness-before-close", "red (503) before the signal already");
    holds(&Row::guilty("red-before", &[before]).with(&["--require-readiness"]));
    holds(&Row::innocent("perfect", &["--require-readiness"]));
}

#[test]
fn a_loss_by_the_rehearsals_clean_up_is_not_counted() {
    let row = Row::guilty("worker-outlives", &[("no-orphans", "python3")]).with(&["--slow-time=2s"]).torn();
    let seen = holds(&row);
    let verdict = seen.verdict.as_ref().unwrap();
    assert_eq!(verdict["lost_by_shutdown"], 0, "{verdict:#}");
    assert!(verdict["requests"]["ended_by_clean_up"].as_u64() > Some(0), "{verdict:#}");
}

#[test]
fn a_child_process_that_still_listens_is_not_another_program() {
    // The second child ends 60 ms after the service, on a busy machine later: what is in flight then is lost. It may end before
    // anybody can see where it listened.
    for (mode, is_seen) in [("worker-outlives", true), ("worker-lingers", false)] {
        let seen = holds(&Row::innocent(mode, &[]).says(Says::Fail).torn());
        let run = &seen.verdict.as_ref().unwrap()["runs"][0];
        let notes = run["notes"].as_array().unwrap().iter().filter_map(|note| note.as_str());
        assert_eq!(run["requests"]["foreign"], 0, "{:?}", notes.clone().collect::<Vec<_>>());
        let note = notes.clone().find(|note| note.starts_with("a child process of the service "));
        let is_whole = |note: &str| note.contains(" on 127.0.0.1:") && !note.contains(": 0 new");
        assert!(!is_seen || note.is_some_and(is_whole), "{:?}", notes.collect::<Vec<_>>());
    }
}

#[test]
fn a_loss_by_sigkill_at_the_end_of_the_grace_period_is_attributed_to_it() {
    let fault = ("requests-answered", "SIGKILL ended the process at the end of the grace period");
    holds(&Row::guilty("stuck", &[fault]).with(&["--grace=1s", "--slow-time=3s"]).torn());
}

#[test]
fn half_a_request_is_not_being_processed() {
    let seen = holds(&Row::guilty("exits-at-once", &[("phases-served", "half a head sent")]));
    let evidence = seen.evidence("requests-answered");
    let half = evidence.lines().find(|line| line.contains("half a head sent")).unwrap();
    assert!(half.contains("with the request half sent"), "{half}");
}

#[test]
fn the_phases_not_served_by_a_process_that_ends_at_once_are_among_those_held() {
    // Its sockets close within milliseconds of the signal, which is not before it.
    for _ in 0..3 {
        let seen = holds(
            &Row::guilty("no-handler", &[("phases-served", " held at the signal not served: ")]).torn(),
        );
        let evidence = seen.evidence("phases-served");
        let (counts, names) = evidence.split_once(" held at the signal not served: ").unwrap();
        let (lost, held) = counts.split_once(" of ").unwrap();
        let [lost, held] = [lost, held].map(|count| count.parse::<usize>().unwrap());
        // One name has a comma.
        assert!(lost == names.replace("idle, ", "").split(", ").count() && lost <= held, "{evidence}");
        assert!(!seen.record.contains("closed before the signal"), "{evidence}");
    }
    let seen = holds(&Row::innocent("closes-halves", &[]));
    assert!(
        seen.evidence("phases-served").contains("half a head sent (closed before the signal)"),
        "{}",
        seen.evidence("phases-served")
    );
}

#[test]
fn a_reset_request_is_not_attributed_to_the_accept_queue() {
    let seen = holds(&Row::guilty("reset", &[("requests-answered", "reset with no response byte")]));
    assert!(!seen.evidence("requests-answered").contains("queue"), "{}", seen.evidence("requests-answered"));
}

#[test]
fn the_headline_and_the_evidence_have_the_same_number() {
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
fn a_long_shutdown_reports_what_the_service_waited_for() {
    let why = ("exit-in-time", "had no `Connection: close`: their connections stayed in use");
    holds(&Row::guilty("keeps-connections", &[why]).with(&["--grace=1s"]).torn());
}

/// One request a second: nothing is in flight when the signal comes.
const QUIET: [&str; 5] = ["--slow=0", "--storm=0", "--keepalive=0", "--open=1", "--no-phases"];

#[test]
fn a_fast_service_with_nothing_in_flight_is_inconclusive_and_fails_only_if_strict() {
    let seen = holds(&Row::innocent("exits-at-once", &QUIET).says(Says::Inconclusive));
    assert!(seen.hint("requests-answered").contains("--repeat"));
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
