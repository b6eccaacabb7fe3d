//! The exit codes that are no verdict: 2 for wrong usage, 3 for a service that could not be rehearsed.

use std::net::TcpListener;

use crate::common::ebbtide;
use crate::ports::free_port;

#[track_caller]
fn ends(args: &[&str], code: i32, words: &str) {
    let output = ebbtide().arg("rehearse").args(args).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(said.contains(words), "{said}");
    assert!(output.stdout.is_empty(), "words belong on stderr");
}

#[test]
fn wrong_usage_is_2() {
    ends(&[], 2, "--ready");
    ends(&["--ready=http://127.0.0.1:1/"], 2, "COMMAND");
    ends(&["--ready=https://127.0.0.1:1/", "--", "true"], 2, "http://");
    ends(&["--ready=1", "--grace=30x", "--", "true"], 2, "30s");
    ends(&["--ready=1", "--slow=4", "--", "true"], 2, "--url slow=");
    ends(&["--ready=1", "--storm=0", "--keepalive=0", "--open=0", "--", "true"], 2, "every shape");
    ends(&["--ready=1", "--signal=KILL", "--", "true"], 2, "--grace");
    ends(&["--ready=1", "--format=json", "--format=text", "--", "true"], 2, "stdout");
    ends(&["--ready=1", "--repeat=0", "--", "true"], 2, "--repeat");
    ends(&["--demo", "--", "--no-such-option"], 2, "invalid options for the demo: unexpected argument");
    ends(&["--demo", "--", "--grace=x"], 2, "ebbtide demo --help");
    ends(&["--demo", "--", "--help"], 2, "--help starts no service");
}

#[test]
fn a_service_that_cannot_be_rehearsed_is_3() {
    let port = free_port().to_string();
    let ready = format!("--ready={port}");
    ends(&[&ready, "--", "/no/such/program"], 3, "cannot execute");
    ends(&[&ready, "--", "sh", "-c", "echo no luck >&2; exit 7"], 3, "no luck");
    ends(&[&ready, "--", "sh", "-c", "exit 7"], 3, "exit code 7");
    ends(&[&ready, "--ready-timeout=300ms", "--", "sleep", "62"], 3, "--ready-timeout");
    ends(&["--ready=http://no-such-host.invalid/", "--", "true"], 3, "resolve");
}

#[test]
fn a_port_that_is_taken_is_3() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    ends(&[&format!("--ready={port}"), "--", "sleep", "62"], 3, "taken");
}

#[test]
fn help_documents_checks_and_exit_codes() {
    let output = ebbtide().args(["rehearse", "--help"]).output().unwrap();
    let help = String::from_utf8_lossy(&output.stdout);
    for word in ["Exit codes:", "  3 ", "requests-answered", "Examples:", "--max-requests"] {
        assert!(help.contains(word), "{word}");
    }
}
