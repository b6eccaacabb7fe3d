//! Lines over TCP at the stop. The outcome of each is compared with the record that the service writes (`truth_lines.py`), which spoils
//! exactly as many of them as it is told to.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::common::{check, ebbtide, judged, marks, need, service};
use crate::ports::free_port;
use crate::scene::certify;

/// What the service recorded, and what the clients did.
struct Seen {
    code: Option<i32>,
    verdict: Value,
    /// The numbers of the lines with each mark: `A`nswered, `L`ost.
    told: BTreeMap<String, BTreeSet<u64>>,
    /// Each request of the record.
    requests: BTreeMap<u64, Value>,
}

/// Rehearses `truth_lines.py`, to which nothing but lines is sent: over TCP, or over a Unix socket if the line begins with `unix:`.
#[track_caller]
fn rehearse(line: &str, mode: &str, spoiled: usize, more: &[&str]) -> Seen {
    need("python3");
    let folder = tempfile::tempdir().unwrap();
    let (truth, record) = (folder.path().join("truth"), folder.path().join("record"));
    let (at, ready, line) = match line.strip_prefix("unix:") {
        Some(line) => {
            let socket = folder.path().join("a.sock").display().to_string();
            (socket.clone(), format!("unix:{socket}"), line)
        }
        None => {
            let port = free_port().to_string();
            (port.clone(), port, line)
        }
    };
    let mut command = ebbtide();
    command.arg("rehearse");
    if line.starts_with("tls:") {
        certify(&mut command, folder.path());
    }
    let output = command
        .env("TRUTH", &truth)
        .args(["--format=json", "--quiet", "--grace=6s", "--seed=7", "--held=6"])
        .args(["--warmup=1s", "--window=100ms", "--request-timeout=1s"])
        .arg(format!("--record={}", record.display()))
        .arg(format!("--ready={ready}"))
        .arg(format!("--url=tcp={}", line.replace("{port}", &at)))
        .args(more)
        .args(["--", "python3"])
        .arg(service("truth_lines.py"))
        .args([&at, mode, &spoiled.to_string()])
        .output()
        .unwrap();
    let (verdict, requests) = judged(&output, &record);
    Seen { code: output.status.code(), verdict, told: marks(&truth), requests }
}

impl Seen {
    #[track_caller]
    fn count(&self, part: &str) -> u64 {
        self.verdict["requests"][part].as_u64().unwrap()
    }

    fn evidence(&self, id: &str) -> String {
        check(&self.verdict, id).1
    }

    /// Asserts that the shutdown lost exactly `count`, that every line has one outcome, and that each one that the service answered is
    /// answered.
    #[track_caller]
    fn lost(&self, count: usize) {
        assert_eq!(self.verdict["lost_by_shutdown"], count, "{:#}", self.verdict);
        assert_eq!(self.code, Some(i32::from(count > 0)), "{:#}", self.verdict);
        let parts = ["answered", "refused", "connect_timed_out", "lost", "truncated", "timed_out"];
        let sum: u64 = parts.into_iter().map(|part| self.count(part)).sum();
        assert_eq!((self.count("sent"), self.requests.len() as u64), (sum, sum), "{:#}", self.verdict);
        for id in self.told.get("A").into_iter().flatten() {
            assert_eq!(self.requests[id]["outcome"], "answered", "{id}");
        }
        assert!(
            self.requests
                .values()
                .all(|request| request["shape"] == "tcp" || request["phase"] == "half-line")
        );
    }

    /// Asserts that each line that the service lost has this outcome.
    #[track_caller]
    fn each(&self, count: usize, outcome: &str) {
        let lost = self.told.get("L").cloned().unwrap_or_default();
        assert_eq!(lost.len(), count, "{:#}", self.verdict);
        for id in lost {
            assert_eq!(self.requests[&id]["outcome"], outcome, "{}", self.requests[&id]);
        }
    }
}

#[test]
fn a_service_that_closes_after_an_answer_loses_no_line() {
    for (line, mode) in [
        ("/", "echo"),
        ("tcp://127.0.0.1:{port}/SAY {id}\\r", "echo"),
        ("/", "greets"),
        ("/", "broadcasts"),
        ("/", "closes-behind"),
    ] {
        let seen = rehearse(line, mode, 0, &[]);
        seen.lost(0);
        assert!(seen.count("answered_after_signal") > 0 && seen.count("refused") > 0, "{:#}", seen.verdict);
        // Each connection ended between two lines.
        let fresh = seen
            .requests
            .values()
            .filter(|request| request["fresh"] == true && request["outcome"] == "answered");
        assert!(fresh.count() > 6, "{:#}", seen.verdict);
        let (found, evidence) = check(&seen.verdict, "phases-served");
        assert_eq!(
            (found.as_str(), evidence.as_str()),
            ("pass", "1 connection held at the signal, none lost")
        );
    }
}

#[test]
fn a_line_without_an_answer_is_lost() {
    for (mode, close) in [("unanswered", "eof"), ("reset", "reset")] {
        let seen = rehearse("/", mode, 3, &[]);
        seen.lost(3);
        seen.each(3, "unanswered");
        let lost = seen.told["L"].iter().map(|id| &seen.requests[id]);
        assert!(lost.clone().all(|request| request["close"] == close), "{:?}", lost.collect::<Vec<_>>());
        assert_eq!(seen.count("lost"), 3, "{:#}", seen.verdict);
        assert!(seen.evidence("requests-answered").contains("no response byte"), "{:#}", seen.verdict);
    }
}

/// A service that refuses a request in words of its own, which do not have its number.
#[test]
fn a_line_that_is_answered_by_an_error_is_answered_wrongly() {
    for mode in ["error", "error-stays"] {
        let seen = rehearse("/", mode, 3, &[]);
        seen.lost(3);
        seen.each(3, "answered");
        assert_eq!((seen.count("wrong"), seen.count("lost")), (3, 0), "{:#}", seen.verdict);
        let evidence = seen.evidence("requests-answered");
        assert!(
            evidence.contains("a line without the number of the request instead of its answer"),
            "{evidence}"
        );
    }
    // New connections as well.
    let seen = rehearse("/", "turns-away-telling", 3, &[]);
    seen.lost(3);
    assert_eq!((seen.count("wrong"), seen.count("lost")), (3, 0), "{:#}", seen.verdict);
    assert_eq!(check(&seen.verdict, "refusals-clean").0, "pass", "{:#}", seen.verdict);
}

#[test]
fn lines_over_a_unix_socket_are_judged_alike() {
    let seen = rehearse("unix:/", "echo", 0, &[]);
    seen.lost(0);
    assert!(seen.count("answered_after_signal") > 0 && seen.count("refused") > 0, "{:#}", seen.verdict);
    for (mode, outcome) in [("unanswered", "unanswered"), ("half", "cut-in-body")] {
        let seen = rehearse("unix:/", mode, 3, &[]);
        seen.lost(3);
        seen.each(3, outcome);
    }
}

#[test]
fn lines_over_tls_are_judged_alike() {
    let line = "tls://127.0.0.1:{port}/";
    let seen = rehearse(line, "echo", 0, &[]);
    seen.lost(0);
    assert!(seen.count("answered_after_signal") > 0, "{:#}", seen.verdict);
    let seen = rehearse(line, "unanswered", 3, &[]);
    seen.lost(3);
    seen.each(3, "unanswered");
}

#[test]
fn half_an_answer_is_truncated() {
    let seen = rehearse("/", "half", 2, &[]);
    seen.lost(2);
    seen.each(2, "cut-in-body");
    assert_eq!(seen.count("truncated"), 2, "{:#}", seen.verdict);
    let evidence = seen.evidence("requests-answered");
    assert!(
        evidence.contains("truncated after the signal") && evidence.contains("within its line"),
        "{evidence}"
    );
}

#[test]
fn a_line_that_is_never_answered_times_out() {
    let seen = rehearse("/", "mute", 2, &[]);
    seen.lost(2);
    seen.each(2, "timed-out");
}

#[test]
fn a_new_connection_that_is_turned_away_is_lost() {
    let seen = rehearse("/", "turns-away", 2, &[]);
    seen.lost(2);
    assert_eq!(check(&seen.verdict, "refusals-clean").0, "fail", "{:#}", seen.verdict);
}

#[test]
fn a_half_sent_line_that_is_dropped_is_found() {
    let seen = rehearse("/", "drops-halves", 0, &[]);
    seen.lost(1);
    let (found, evidence) = check(&seen.verdict, "phases-served");
    assert_eq!(
        (found.as_str(), evidence.as_str()),
        ("fail", "1 of 1 held at the signal not served: half a line sent")
    );
    rehearse("/", "drops-halves", 0, &["--no-phases"]).lost(0);
}

#[test]
fn a_line_without_a_number_is_answered_by_any_line_of_the_usual_length() {
    let seen = rehearse("/PING", "plain", 0, &[]);
    seen.lost(0);
    let seen = rehearse("/PING", "plain-error", 3, &[]);
    assert_eq!(
        (seen.count("wrong"), &seen.verdict["lost_by_shutdown"]),
        (3, &3.into()),
        "{:#}",
        seen.verdict
    );
    assert!(seen.evidence("requests-answered").contains("another body than"), "{:#}", seen.verdict);
    let seen = rehearse("/PING", "plain-half", 3, &[]);
    assert_eq!(
        (seen.count("truncated"), &seen.verdict["lost_by_shutdown"]),
        (3, &3.into()),
        "{:#}",
        seen.verdict
    );
}
