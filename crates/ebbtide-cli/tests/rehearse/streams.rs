//! WebSockets, server-sent events and downloads at the stop. The outcome of each is compared with the record that the service writes
//! (`truth_streams.py`), which spoils exactly as many of them as it is told to.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use crate::common::{check, ebbtide, judged, need, service};
use crate::ports::free_port;
use crate::scene::{LOAD, address, certify};

/// How many clients there are.
const HELD: usize = 5;

/// Handshakes of TLS take time on a busy machine.
const WARM: &str = "--warmup=1500ms";

/// Downloads, and a warm-up in which one ends on a busy machine: without an answer before the signal there is nothing to compare with.
const DOWNLOADS: [&str; 2] = ["--slow-time=2s-3s", "--warmup=4s"];

/// What the service recorded, and what the clients did.
struct Seen {
    code: Option<i32>,
    verdict: Value,
    /// The streams that were open at the signal: the mark of each, and its detail.
    told: BTreeMap<u64, (String, u64)>,
    /// Each request of the record.
    requests: BTreeMap<u64, Value>,
}

/// Rehearses `truth_streams.py` with one kind of stream. The scheme `unix` is HTTP over a Unix socket.
#[track_caller]
fn rehearse(scheme: &str, url: &str, mode: &str, spoiled: usize, more: &[&str]) -> Seen {
    need("python3");
    let folder = tempfile::tempdir().unwrap();
    let (truth, record) = (folder.path().join("truth"), folder.path().join("record"));
    let port = free_port();
    let unix = scheme == "unix";
    let (at, ready) = address(unix, if unix { "http" } else { scheme }, port, folder.path());
    let mut command = ebbtide();
    command.env("TRUTH", &truth).args(["rehearse", "--format=json", "--quiet", "--grace=20s"]);
    if scheme == "https" {
        certify(&mut command, folder.path());
    }
    let output = command
        .arg(format!("--record={}", record.display()))
        .arg(format!("--ready={ready}"))
        .arg(format!("--url={}", url.replace("{port}", &port.to_string()).replace("{at}", &at)))
        .arg(format!("--held={HELD}"))
        .args(LOAD)
        .args(more)
        .args(["--", "python3"])
        .arg(service("truth_streams.py"))
        .args([&at, mode, &spoiled.to_string()])
        .output()
        .unwrap();
    let lines = fs::read_to_string(&truth).unwrap_or_default();
    let told = lines.lines().map(|line| {
        let words: Vec<&str> = line.split(' ').collect();
        (words[1].parse().unwrap(), (words[0].to_owned(), words[2].parse().unwrap()))
    });
    let told: BTreeMap<_, _> = told.collect();
    assert_eq!(told.len(), lines.lines().count(), "a stream ended twice: {lines}");
    let (verdict, requests) = judged(&output, &record);
    Seen { code: output.status.code(), verdict, told, requests }
}

impl Seen {
    /// Asserts that each stream that the service marked has one of these outcomes, that there are `count` of them, and returns them.
    #[track_caller]
    fn each(&self, mark: &str, count: usize, outcome: &str) -> Vec<(u64, &Value)> {
        let marked = self.told.iter().filter(|(_, (told, _))| told == mark);
        let marked: Vec<_> = marked.map(|(id, (_, detail))| (*detail, &self.requests[id])).collect();
        assert_eq!(marked.len(), count, "{mark}: {:?}: {:#}", self.told, self.verdict);
        for (_, request) in &marked {
            assert_eq!(request["outcome"], outcome, "{request}");
        }
        marked
    }

    /// Asserts that the shutdown lost exactly `count`, and that every request has one outcome.
    #[track_caller]
    fn lost(&self, count: usize) {
        assert_eq!(self.verdict["lost_by_shutdown"], count, "{:#}", self.verdict);
        assert_eq!(self.code, Some(i32::from(count > 0)), "{:#}", self.verdict);
        let number = |part: &str| self.verdict["requests"][part].as_u64().unwrap();
        let parts = ["answered", "refused", "connect_timed_out", "lost", "truncated", "timed_out"];
        let sum: u64 = parts.into_iter().map(number).sum();
        assert_eq!((number("sent"), self.requests.len() as u64), (sum, sum), "{:#}", self.verdict);
        assert_eq!(number("ended_by_clean_up") + number("foreign"), 0);
    }

    #[track_caller]
    fn evidence(&self) -> String {
        check(&self.verdict, "requests-answered").1
    }
}

#[test]
fn a_websocket_that_ends_with_a_close_frame_loses_nothing() {
    for (scheme, url) in [
        ("http", "websocket=/chat"),
        ("http", "websocket=ws://127.0.0.1:{port}/chat"),
        ("https", "websocket=/chat"),
        ("unix", "websocket=ws://unix:{at}:/chat"),
    ] {
        let seen = rehearse(scheme, url, "websocket-cut", 0, &[WARM]);
        seen.lost(0);
        let mut echoed = 0;
        for (_, request) in seen.each("W", HELD, "close-frame") {
            assert_eq!((&request["code"], &request["echoed"]), (&1001.into(), &true.into()), "{request}");
            let messages = &request["progress"];
            assert_eq!(messages["done"], messages["of"], "{request}");
            echoed += messages["done"].as_u64().unwrap();
        }
        // One that was opened right before the signal may have had none.
        assert!(echoed > 0, "no message was echoed");
        assert_eq!(seen.verdict["in_flight_at_signal"]["websocket"], HELD, "{:#}", seen.verdict);
    }
}

#[test]
fn a_websocket_that_is_cut_without_a_close_frame_is_lost() {
    let seen = rehearse("http", "websocket=/chat", "websocket-cut", 3, &[]);
    seen.lost(3);
    seen.each("W", HELD - 3, "close-frame");
    for (missed, request) in seen.each("L", 3, "no-close-frame") {
        let messages = &request["progress"];
        let unanswered = messages["of"].as_u64().unwrap() - messages["done"].as_u64().unwrap();
        // One that it had not read either.
        assert!((missed..=1).contains(&unanswered), "{missed} missed: {request}");
    }
    let evidence = seen.evidence();
    let start = format!("websocket: 3 of {} truncated after the signal", after(&seen, "websocket"));
    assert!(evidence.starts_with(&start), "{evidence}");
    assert!(evidence.contains("WebSocket connection ended without a close frame"), "{evidence}");
}

/// How many requests of `shape` were accepted and ended after the signal.
fn after(seen: &Seen, shape: &str) -> u64 {
    let shapes = seen.verdict["runs"][0]["shapes"].as_array().unwrap();
    let after = &shapes.iter().find(|seen| seen["shape"] == shape).unwrap()["after"];
    after["sent"].as_u64().unwrap() - after["refused"].as_u64().unwrap()
}

#[test]
fn a_message_without_its_echo_is_lost_although_the_close_frame_follows() {
    let seen = rehearse("http", "websocket=/chat", "websocket-mute", 2, &[]);
    seen.lost(2);
    for (missed, request) in seen.each("L", 2, "close-frame") {
        assert_eq!((missed, &request["echoed"]), (1, &false.into()), "{request}");
        let messages = &request["progress"];
        assert_eq!(messages["of"].as_u64().unwrap(), messages["done"].as_u64().unwrap() + 1, "{request}");
    }
    let evidence = seen.evidence();
    assert!(
        evidence.contains("WebSocket closed with a message that was not echoed; 2 messages not echoed"),
        "{evidence}"
    );
}

#[test]
fn a_close_frame_with_the_code_of_an_error_is_a_wrong_answer() {
    let seen = rehearse("http", "websocket=/chat", "websocket-1011", 4, &[]);
    assert_eq!(
        (seen.verdict["lost_by_shutdown"].as_u64(), seen.code),
        (Some(4), Some(1)),
        "{:#}",
        seen.verdict
    );
    for (_, request) in seen.each("L", 4, "close-frame") {
        assert_eq!(request["code"], 1011, "{request}");
    }
    assert!(seen.evidence().contains("WebSocket closed with code 1011"), "{}", seen.evidence());
    assert_eq!(seen.verdict["requests"]["wrong"], 4, "{:#}", seen.verdict);
}

#[test]
fn a_route_without_a_websocket_is_inconclusive() {
    let seen = rehearse("http", "websocket=/", "websocket-cut", 0, &[]);
    let (found, evidence) = check(&seen.verdict, "routes-served");
    assert_eq!((seen.code, found.as_str()), (Some(4), "inconclusive"), "{:#}", seen.verdict);
    assert!(
        evidence.starts_with("WebSocket /: every response before the signal had status 200 "),
        "{evidence}"
    );
    assert!(evidence.contains("had status 200 instead of the upgrade to a WebSocket"), "{evidence}");
}

#[test]
fn a_stream_of_events_that_ends_as_a_response_does_loses_nothing() {
    for scheme in ["http", "https", "unix"] {
        let seen = rehearse(scheme, "events=/events", "events-cut", 0, &[WARM]);
        seen.lost(0);
        seen.each("W", HELD, "answered");
        assert_eq!(seen.verdict["in_flight_at_signal"]["events"], HELD, "{:#}", seen.verdict);
    }
}

#[test]
fn a_stream_of_events_that_is_cut_is_truncated() {
    for (mode, outcome, reason) in [
        ("events-cut", "cut-in-body", "response truncated in its body"),
        ("events-endless", "cut-in-body", "response truncated in its body"),
        ("events-half", "answered", "stream of events ended within an event"),
    ] {
        let seen = rehearse("http", "events=/events", mode, 2, &[]);
        seen.lost(2);
        seen.each("L", 2, outcome);
        seen.each("W", HELD - 2, "answered");
        let (evidence, all) = (seen.evidence(), after(&seen, "events"));
        assert!(
            evidence.starts_with(&format!("events: 2 of {all} truncated after the signal")),
            "{evidence}"
        );
        assert!(evidence.contains(reason), "{evidence}");
    }
}

#[test]
fn a_download_that_is_sent_to_its_end_is_whole() {
    for scheme in ["http", "unix"] {
        let seen = rehearse(scheme, "download=/download", "download-cut", 0, &DOWNLOADS);
        seen.lost(0);
        // A download may have ended in the client's socket.
        assert!(!seen.told.is_empty(), "{:#}", seen.verdict);
        assert_eq!(seen.verdict["in_flight_at_signal"]["download"], HELD, "{:#}", seen.verdict);
        for (_, request) in seen.each("W", seen.told.len(), "answered") {
            assert_eq!(request["answer"]["length"], 8 << 20, "{request}");
        }
    }
}

#[test]
fn a_download_that_is_cut_is_truncated_and_its_bytes_are_counted() {
    for scheme in ["http", "unix"] {
        let seen = rehearse(scheme, "download=/download", "download-cut", 3, &DOWNLOADS);
        seen.lost(3);
        for (bytes, request) in seen.each("L", 3, "cut-in-body") {
            let progress = serde_json::json!({ "done": bytes, "of": 8 << 20 });
            assert_eq!(request["progress"], progress, "{request}");
        }
        let evidence = seen.evidence();
        assert!(evidence.contains("of 8,388,608 bytes received"), "{evidence}");
    }
}

/// A body of 4,000 bytes, in 20 parts.
const BODY: usize = 4000;

fn upload(scheme: &str, mode: &str, spoiled: usize) -> Seen {
    let body = format!("--body={}", "x".repeat(BODY));
    rehearse(scheme, "upload=/upload", mode, spoiled, &[&body, "--method=GET", "--slow-time=1s-2s", WARM])
}

#[test]
fn an_upload_that_is_read_to_its_end_is_answered() {
    for (scheme, mode) in [("http", "upload-cut"), ("http", "upload-unasked"), ("unix", "upload-cut")] {
        let seen = upload(scheme, mode, 0);
        seen.lost(0);
        assert!(!seen.told.is_empty(), "{:#}", seen.verdict);
        for (_, request) in seen.each("W", seen.told.len(), "answered") {
            assert_eq!(request["progress"], serde_json::json!({ "done": BODY, "of": BODY }), "{request}");
        }
        assert!(seen.verdict["in_flight_at_signal"]["upload"].as_u64() > Some(0), "{:#}", seen.verdict);
    }
}

#[test]
fn an_upload_that_is_cut_is_lost_and_its_bytes_are_counted() {
    for scheme in ["http", "unix"] {
        let seen = upload(scheme, "upload-cut", 2);
        seen.lost(2);
        for (bytes, request) in seen.each("L", 2, "unanswered") {
            let sent = request["progress"]["done"].as_u64().unwrap();
            // Some parts may have been on their way.
            assert!((bytes..=bytes + BODY as u64 / 4).contains(&sent), "{bytes}: {request}");
            assert_eq!(request["sent"], false, "{request}");
        }
        let evidence = seen.evidence();
        assert!(evidence.contains("connection closed with the request half sent"), "{evidence}");
        assert!(evidence.contains("of 4,000 bytes sent"), "{evidence}");
    }
}
