//! What exit code 3 says: what was seen instead of a service that is ready.

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
