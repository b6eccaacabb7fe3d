//! The load over HTTP/2. The outcome of each stream is compared with the record that the service writes (`truth_http2.py`).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::Value;

use crate::common::{check, ebbtide, need, service, verdict};
use crate::ports::free_port;
use crate::scene::{LOAD, Row, Says, address, certify, holds};

/// What the service recorded, and what the clients did.
pub(crate) struct Seen {
    pub(crate) code: Option<i32>,
    pub(crate) verdict: Value,
    /// The numbers of the requests with each mark: `R`ead, `A`nswered, `U`nprocessed, `L`ost.
    pub(crate) told: BTreeMap<String, BTreeSet<u64>>,
    /// The outcome of each request.
    pub(crate) outcomes: BTreeMap<u64, String>,
}

/// Rehearses `truth_http2.py` in `mode`.
#[track_caller]
pub(crate) fn rehearse(mode: &str, more: &[&str]) -> Seen {
    rehearse_over("http", mode, more)
}

/// The scheme `unix` is HTTP over a Unix socket.
#[track_caller]
fn rehearse_over(scheme: &str, mode: &str, more: &[&str]) -> Seen {
    need("python3");
    let folder = tempfile::tempdir().unwrap();
    let (truth, record) = (folder.path().join("truth"), folder.path().join("record"));
    let unix = scheme == "unix";
    let (at, ready) = address(unix, if unix { "http" } else { scheme }, free_port(), folder.path());
    let mut command = ebbtide();
    command.env("TRUTH", &truth).args(["rehearse", "--format=json", "--quiet", "--grace=6s"]);
    if scheme == "https" {
        certify(&mut command, folder.path());
    }
    let output = command
        .arg(format!("--record={}", record.display()))
        .arg(format!("--ready={ready}"))
        .args(LOAD)
        .args(["--url=slow=/slow/{ms}", "--slow=6", "--slow-time=150ms-400ms"])
        .args(more)
        .args(["--", "python3"])
        .arg(service("truth_http2.py"))
        .args([&at, mode])
        .output()
        .unwrap();
    let mut told = BTreeMap::<String, BTreeSet<u64>>::new();
    for line in fs::read_to_string(&truth).unwrap_or_default().lines() {
        let (mark, number) = line.split_once(' ').unwrap();
        let number = number.parse().unwrap();
        assert!(told.entry(mark.to_owned()).or_default().insert(number), "request {number} came twice");
    }
    let events = fs::read_to_string(&record).unwrap();
    let events = events.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let outcomes = events
        .filter(|event| event["event"] == "request")
        .map(|event| (event["id"].as_u64().unwrap(), event["outcome"].as_str().unwrap().to_owned()))
        .collect();
    Seen { code: output.status.code(), verdict: verdict(&output), told, outcomes }
}

impl Seen {
    /// Asserts that each request with `mark` has one of these outcomes, and that there are some.
    #[track_caller]
    pub(crate) fn each(&self, mark: &str, outcomes: &[&str]) {
        let marked = self.told.get(mark).cloned().unwrap_or_default();
        assert!(!marked.is_empty(), "no request with {mark}: {:#}", self.verdict);
        for id in marked {
            let outcome = self.outcomes.get(&id).map_or("not recorded", String::as_str);
            assert!(outcomes.contains(&outcome), "request {id} with {mark}: {outcome}");
        }
    }

    #[track_caller]
    pub(crate) fn count(&self, field: &str) -> u64 {
        self.verdict["requests"][field].as_u64().unwrap()
    }

    /// Asserts that every request that was started has exactly one outcome, and that the service knows each one that was answered.
    #[track_caller]
    pub(crate) fn adds_up(&self) {
        let parts =
            ["answered", "refused", "unprocessed", "connect_timed_out", "lost", "truncated", "timed_out"];
        let others = ["ended_by_clean_up", "foreign"];
        let sum: u64 = parts.iter().chain(&others).map(|part| self.count(part)).sum();
        assert_eq!((self.count("sent"), self.outcomes.len() as u64), (sum, sum), "{:#}", self.verdict);
        assert_eq!(self.count("answered"), self.told["A"].len() as u64, "{:#}", self.verdict);
        let answered = self.outcomes.iter().filter(|(_, outcome)| *outcome == "answered");
        assert_eq!(answered.map(|(id, _)| *id).collect::<BTreeSet<_>>(), self.told["A"]);
        assert!(self.told["R"].is_superset(&self.told["A"]));
    }
}

#[test]
fn a_service_that_answers_what_its_goaway_promises_passes() {
    for streams in ["--http2", "--http2=1"] {
        let seen = rehearse("perfect", &[streams]);
        assert_eq!(seen.code, Some(0), "{:#}", seen.verdict);
        seen.adds_up();
        assert_eq!(seen.count("lost") + seen.count("truncated") + seen.count("timed_out"), 0);
        assert!(seen.count("answered_after_signal") > 0 && seen.count("refused") > 0, "{:#}", seen.verdict);
        assert!(seen.verdict["in_flight_at_signal"]["slow"].as_u64() > Some(0), "{:#}", seen.verdict);
    }
}

#[test]
fn a_stream_above_the_last_one_of_a_goaway_is_refused_and_not_lost() {
    let seen = rehearse("goaway-early", &["--http2"]);
    seen.adds_up();
    seen.each("U", &["unprocessed"]);
    assert!(seen.count("unprocessed") >= seen.told["U"].len() as u64);
    assert_eq!(seen.verdict["lost_by_shutdown"], 0, "{:#}", seen.verdict);
    let notes = seen.verdict["runs"][0]["notes"].to_string();
    assert!(notes.contains("refused by GOAWAY or REFUSED_STREAM"), "{notes}");
}

#[test]
fn a_stream_at_or_below_the_last_one_without_a_response_is_lost() {
    let seen = rehearse("goaway-cut", &["--http2"]);
    seen.adds_up();
    seen.each("L", &["unanswered"]);
    assert_eq!(seen.code, Some(1), "{:#}", seen.verdict);
    let (found, evidence) = check(&seen.verdict, "requests-answered");
    assert!(found == "fail" && evidence.contains("slow: "), "{evidence}");
}

#[test]
fn a_connection_that_closes_without_goaway_loses_its_streams() {
    let seen = rehearse("closes", &["--http2"]);
    seen.adds_up();
    seen.each("L", &["unanswered"]);
    assert_eq!(seen.code, Some(1), "{:#}", seen.verdict);
}

#[test]
fn a_reset_stream_is_lost_unless_it_was_refused() {
    let seen = rehearse("resets", &["--http2"]);
    seen.adds_up();
    seen.each("L", &["stream-reset"]);
    let (found, evidence) = check(&seen.verdict, "requests-answered");
    assert!(found == "fail" && evidence.contains("stream reset with INTERNAL_ERROR"), "{evidence}");
    let seen = rehearse("refuses", &["--http2"]);
    seen.adds_up();
    seen.each("U", &["unprocessed"]);
    assert_eq!(seen.verdict["lost_by_shutdown"], 0, "{:#}", seen.verdict);
}

#[test]
fn a_response_without_its_last_frame_is_truncated() {
    let seen = rehearse("half-answers", &["--http2"]);
    seen.adds_up();
    seen.each("L", &["cut-in-body"]);
    let (found, evidence) = check(&seen.verdict, "requests-answered");
    assert!(found == "fail" && evidence.contains("response truncated in its body"), "{evidence}");
}

#[test]
fn a_stream_in_each_phase_is_served_by_a_service_that_waits_for_it() {
    let posts: &[&str] = &["--http2", "--url=keepalive=POST:/"];
    let seen = rehearse("perfect", posts);
    assert_eq!(seen.code, Some(0), "{:#}", seen.verdict);
    seen.adds_up();
    let (found, evidence) = check(&seen.verdict, "phases-served");
    assert!(found == "pass" && evidence.contains("held at the signal, none lost"), "{evidence}");
    assert!(!evidence.contains("pipelined"), "a phase of HTTP/1: {evidence}");
    // Requests that were read in part are below the last stream of its GOAWAY, and it closes the connection.
    let seen = rehearse("forgets-halves", posts);
    seen.adds_up();
    let (found, evidence) = check(&seen.verdict, "phases-served");
    let halves = evidence.contains("half a head sent") || evidence.contains("half a body sent");
    assert!(found == "fail" && halves, "{evidence}");
}

const CALLS: [&str; 5] = [
    "--http2",
    "--url=events=POST:/grpc/Watch",
    "--held=3",
    "--url=open=POST:/grpc/Say",
    "--header=Content-Type: application/grpc",
];

#[test]
fn a_streaming_call_that_ends_with_its_status_loses_nothing() {
    let seen = rehearse("grpc", &CALLS);
    assert_eq!(seen.code, Some(0), "{:#}", seen.verdict);
    seen.adds_up();
    assert_eq!(seen.verdict["in_flight_at_signal"]["events"], 3, "{:#}", seen.verdict);
}

#[test]
fn a_streaming_call_without_a_status_is_truncated() {
    let seen = rehearse("grpc-no-status", &CALLS);
    seen.each("L", &["answered"]);
    assert_eq!(
        (seen.told["L"].len(), &seen.verdict["lost_by_shutdown"]),
        (3, &3.into()),
        "{:#}",
        seen.verdict
    );
    assert_eq!((seen.count("truncated"), seen.code), (3, Some(1)), "{:#}", seen.verdict);
    let (_, evidence) = check(&seen.verdict, "requests-answered");
    assert!(evidence.contains("gRPC response ended without a status"), "{evidence}");
}

#[test]
fn a_grpc_error_is_named_and_is_no_empty_body() {
    let seen = rehearse("grpc-unavailable", &CALLS);
    seen.each("E", &["answered"]);
    let errors = seen.told["E"].len() as u64;
    assert!(errors >= 3, "{:#}", seen.verdict);
    assert_eq!((seen.count("wrong"), seen.code), (errors, Some(1)), "{:#}", seen.verdict);
    let (_, evidence) = check(&seen.verdict, "requests-answered");
    assert!(evidence.contains("gRPC status UNAVAILABLE") && !evidence.contains("empty"), "{evidence}");
}

#[test]
fn a_node_service_that_closes_its_sessions_loses_nothing_and_one_that_exits_does() {
    need("node");
    for (mode, code) in [("graceful", Some(0)), ("exit", Some(1))] {
        let port = free_port();
        let output = ebbtide()
            .args(["rehearse", "--format=json", "--quiet", "--http2", "--grace=6s"])
            .arg(format!("--ready=http://127.0.0.1:{port}/"))
            .args(LOAD)
            // Its listener closes at the signal, and the kernel resets what waits in its queue. Slow requests are in flight at the
            // signal, whatever the timing.
            .args(["--keepalive=0", "--open=0"])
            .args(["--storm=0", "--url=slow=/slow/{ms}", "--slow=6", "--slow-time=500ms-900ms", "--", "node"])
            .arg(service("http2.js"))
            .args([&port.to_string(), mode])
            .output()
            .unwrap();
        let verdict = verdict(&output);
        assert_eq!(output.status.code(), code, "{verdict:#}");
        let (_, evidence) = check(&verdict, "requests-answered");
        assert_eq!(evidence.contains("lost after the signal"), mode == "exit", "{evidence}");
    }
}

#[test]
fn streams_over_tls_are_judged_as_those_without_it() {
    let seen = rehearse_over("https", "perfect", &["--http2"]);
    assert_eq!(seen.code, Some(0), "{:#}", seen.verdict);
    seen.adds_up();
    assert_eq!(seen.verdict["lost_by_shutdown"], 0, "{:#}", seen.verdict);
    let seen = rehearse_over("https", "goaway-cut", &["--http2"]);
    seen.adds_up();
    seen.each("L", &["unanswered"]);
    assert_eq!(seen.code, Some(1), "{:#}", seen.verdict);
}

#[test]
fn streams_over_a_unix_socket_are_judged_as_those_over_tcp() {
    let seen = rehearse_over("unix", "perfect", &["--http2"]);
    assert_eq!(seen.code, Some(0), "{:#}", seen.verdict);
    seen.adds_up();
    let seen = rehearse_over("unix", "goaway-cut", &["--http2"]);
    seen.adds_up();
    seen.each("L", &["unanswered"]);
    assert_eq!(seen.code, Some(1), "{:#}", seen.verdict);
}

#[test]
fn a_service_without_http2_is_named_with_the_remedy() {
    // One answers the preface of HTTP/2 with HTTP/1, the other one closes the connection.
    for mode in ["perfect", "answers-the-preface"] {
        let row = Row::innocent(mode, &["--http2", "--url=keepalive=/"]).says(Says::NotRehearsed);
        let words = holds(&row).words();
        assert!(
            words.contains(" answers HTTP/1, and not HTTP/2")
                && words.contains("hint: --http2 and calls of gRPC"),
            "{words}"
        );
    }
}

#[test]
fn requests_over_http2_have_headers_host_and_body() {
    // A body that the windows of the protocol let pass only in parts.
    let body: &'static str = format!("--body={}", "x".repeat(100_000)).leak();
    let seen = rehearse(
        "perfect",
        &["--http2=4", "--method=POST", body, "--header=X-Tenant: a", "--host=shop.example.org"],
    );
    assert_eq!(seen.code, Some(0), "{:#}", seen.verdict);
    seen.adds_up();
}
