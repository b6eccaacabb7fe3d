//! Before the signal: what a service has to be to be rehearsed, where the load goes when nobody said so, and what went wrong then,
//! which is not the shutdown's fault.

use super::scene::{Row, Says, holds};

#[track_caller]
fn says(mode: &'static str, options: &'static [&'static str], words: &[&str]) {
    let seen = holds(&Row::innocent(mode, options).says(Says::NotRehearsed));
    for word in words {
        assert!(seen.words().contains(word), "{word}: {}", seen.words());
    }
}

#[test]
fn a_service_that_listens_elsewhere_is_told_where() {
    says("on-ipv6", &["--ready-timeout=2s"], &["nothing listened there", "listens on [::1]:"]);
    says("on-unix", &["--ready-timeout=2s"], &["listens on the Unix socket /"]);
}

#[test]
fn tls_where_http_was_expected_is_named() {
    says("tls", &["--ready-timeout=2s"], &["/readyz was answered with TLS", "plain HTTP"]);
}

#[test]
fn a_service_that_goes_to_the_background_or_reads_its_input_to_the_end_is_told_why_it_ended() {
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
fn a_service_that_stops_well_passes_with_its_readiness_url_alone() {
    holds(&Row::innocent("perfect", &[]));
}

#[test]
fn the_load_never_goes_to_the_readiness_path_by_itself() {
    holds(&Row::innocent("no-root", &[]));
    let seen = holds(&Row::innocent("only-readiness", &[]).says(Says::NotRehearsed));
    assert!(seen.words().contains("no route to load was found: / answers 404"), "{}", seen.words());
    assert!(seen.words().contains("--url"), "{}", seen.words());
}

#[test]
fn the_load_never_goes_to_another_name_of_the_readiness_path_by_itself() {
    holds(&Row::innocent("health-aliases", &[]));
}

#[test]
fn a_status_that_readiness_announces_is_no_loss_on_its_own_path() {
    holds(&Row::innocent("perfect", &["--url=keepalive=/readyz", "--require-readiness"]));
    // The same status elsewhere is one.
    holds(&Row::guilty("refuses-503", &[("requests-answered", "status 503")]));
}

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
