//! Calls of gRPC that stream messages to the service, at the stop. The outcome of each is compared with the record that the service writes
//! (`truth_http2.py`), which spoils exactly as many of them as it is told to.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::common::{check, ebbtide, judged, marks, need, service};
use crate::ports::free_port;
use crate::scene::LOAD;

/// What the service recorded, and what the clients did.
struct Seen {
    code: Option<i32>,
    verdict: Value,
    /// The numbers of the calls with each mark: `A`nswered, `L`ost.
    told: BTreeMap<String, BTreeSet<u64>>,
    /// Each call of the record.
    calls: BTreeMap<u64, Value>,
}

/// How many clients there are.
const HELD: u64 = 5;

#[track_caller]
fn rehearse(url: &str, mode: &str, spoiled: usize) -> Seen {
    need("python3");
    let folder = tempfile::tempdir().unwrap();
    let (truth, record) = (folder.path().join("truth"), folder.path().join("record"));
    let port = free_port().to_string();
    let output = ebbtide()
        .env("TRUTH", &truth)
        .args(["rehearse", "--format=json", "--quiet", "--grace=10s", "--http2=1", "--no-phases"])
        .arg(format!("--record={}", record.display()))
        .arg(format!("--ready=http://127.0.0.1:{port}/readyz"))
        .args(LOAD)
        .args([&format!("--url={url}"), &format!("--held={HELD}"), "--slow-time=1500ms-2500ms"])
        .args(["--", "python3"])
        .arg(service("truth_http2.py"))
        .args([&port, mode, &spoiled.to_string()])
        .output()
        .unwrap();
    let (verdict, mut calls) = judged(&output, &record);
    let shape = url.split_once('=').unwrap().0;
    calls.retain(|_, call| call["shape"] == shape);
    Seen { code: output.status.code(), verdict, told: marks(&truth), calls }
}

impl Seen {
    /// Asserts that the shutdown lost exactly `count`, that these are the calls that the service spoiled, each with this outcome, and that
    /// every other one that it answered is answered.
    #[track_caller]
    fn lost(&self, count: usize, outcome: &str) {
        assert_eq!(self.verdict["lost_by_shutdown"], count, "{:#}", self.verdict);
        assert_eq!(self.code, Some(i32::from(count > 0)), "{:#}", self.verdict);
        let number = |part: &str| self.verdict["requests"][part].as_u64().unwrap();
        let parts =
            ["answered", "refused", "unprocessed", "connect_timed_out", "lost", "truncated", "timed_out"];
        assert_eq!(number("sent"), parts.into_iter().map(number).sum::<u64>(), "{:#}", self.verdict);
        let lost = self.told.get("L").cloned().unwrap_or_default();
        assert_eq!(lost.len(), count, "{:#}", self.verdict);
        for id in lost {
            assert_eq!(self.calls[&id]["outcome"], outcome, "{}", self.calls[&id]);
        }
        for (id, call) in self.calls.iter().filter(|(id, _)| self.told["A"].contains(id)) {
            assert_eq!(call["outcome"], "answered", "{id}: {call}");
        }
        let shape = self.calls.values().next().unwrap()["shape"].as_str().unwrap();
        assert_eq!(self.verdict["in_flight_at_signal"][shape], HELD, "{:#}", self.verdict);
    }

    fn evidence(&self) -> String {
        check(&self.verdict, "requests-answered").1
    }
}

const IMPORT: &str = "client-stream=/grpc/Import";
const SYNC: &str = "bidi-stream=/grpc/Sync";

#[test]
fn a_call_that_runs_to_its_end_loses_nothing() {
    for url in [IMPORT, SYNC] {
        let seen = rehearse(url, "calls", 0);
        seen.lost(0, "");
        let answered = || seen.calls.values().filter(|call| call["outcome"] == "answered");
        assert!(answered().all(|call| call["sent"] == true), "{:?}", seen.calls);
        // All but the first ones, which are short.
        let long = answered().filter(|call| call["progress"]["of"].as_u64() > Some(10));
        assert!(long.count() as u64 >= HELD, "{:?}", seen.calls);
    }
}

#[test]
fn a_call_that_the_service_ends_with_its_status_loses_nothing() {
    for url in [IMPORT, SYNC] {
        let seen = rehearse(url, "calls-ended", 0);
        seen.lost(0, "");
        let early = seen.calls.values().filter(|call| call["outcome"] == "answered" && call["sent"] == false);
        assert_eq!(early.count() as u64, HELD, "{:?}", seen.calls);
    }
}

#[test]
fn a_call_that_ends_without_a_status_is_truncated() {
    for url in [IMPORT, SYNC] {
        let seen = rehearse(url, "calls-no-status", 2);
        seen.lost(2, "answered");
        assert!(seen.evidence().contains("gRPC response ended without a status"), "{}", seen.evidence());
    }
}

#[test]
fn a_call_whose_connection_is_cut_is_lost() {
    let seen = rehearse(IMPORT, "calls-cut", 3);
    seen.lost(3, "unanswered");
    assert!(seen.evidence().contains("half sent"), "{}", seen.evidence());
    let seen = rehearse(SYNC, "calls-cut", 3);
    seen.lost(3, "cut-in-body");
    assert!(seen.evidence().contains("truncated in its body"), "{}", seen.evidence());
}

#[test]
fn a_call_that_is_reset_is_lost() {
    for url in [IMPORT, SYNC] {
        let seen = rehearse(url, "calls-reset", 2);
        seen.lost(2, "stream-reset");
        assert!(seen.evidence().contains("INTERNAL_ERROR"), "{}", seen.evidence());
    }
}

#[test]
fn a_message_without_an_answer_is_lost_although_the_status_is_ok() {
    let seen = rehearse(SYNC, "calls-mute", 2);
    seen.lost(2, "answered");
    let evidence = seen.evidence();
    assert!(evidence.contains("messages that were not answered; 2 messages not answered"), "{evidence}");
    assert_eq!(seen.verdict["requests"]["truncated"], 2, "{:#}", seen.verdict);
}
