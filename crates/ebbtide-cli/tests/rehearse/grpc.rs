//! Unary calls of gRPC without an encoded message: as load, and in each phase of the protocol at the signal. The outcome of each is compared
//! with the record that the service writes (`truth_http2.py`).

use std::fs;

use tempfile::TempDir;

use crate::common::check;
use crate::http2::{Seen, rehearse};

/// A field of a message of Protobuf, with a length.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2, u8::try_from(content.len()).unwrap()], content].concat()
}

/// The descriptors of `service grpc { rpc Say(Wait) returns (Wait); }` and `message Wait { uint64 ms = 1; }`.
fn protoset() -> (TempDir, String) {
    // The number, the label `optional` and the type `uint64`.
    let ms = [field(1, b"ms"), vec![3 << 3, 1, 4 << 3, 1, 5 << 3, 4]].concat();
    let message = [field(1, b"Wait"), field(2, &ms)].concat();
    let method = [field(1, b"Say"), field(2, b".Wait"), field(3, b".Wait")].concat();
    let service = [field(1, b"grpc"), field(2, &method)].concat();
    let file =
        [field(1, b"grpc.proto"), field(4, &message), field(6, &service), field(12, b"proto3")].concat();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("grpc.protoset");
    fs::write(&path, field(1, &file)).unwrap();
    let option = format!("--protoset={}", path.display());
    (folder, option)
}

const CALLS: [&str; 5] = [
    "--http2",
    "--url=keepalive=GRPC:/grpc/Say",
    "--url=storm=GRPC:/grpc/Say",
    "--url=open=GRPC:/grpc/Say",
    r#"--grpc-message=keepalive={"ms": "{ms}"}"#,
];

#[track_caller]
fn held(mode: &str) -> Seen {
    let (_folder, protoset) = protoset();
    rehearse(mode, &[&CALLS[..], &[&protoset]].concat())
}

#[test]
fn a_call_in_each_phase_is_served_by_a_service_that_ends_it_with_trailers() {
    let seen = held("grpc");
    assert_eq!(seen.code, Some(0), "{:#}", seen.verdict);
    seen.adds_up();
    assert_eq!(seen.count("lost") + seen.count("truncated") + seen.count("timed_out"), 0);
    let (found, evidence) = check(&seen.verdict, "phases-served");
    assert!(
        found == "pass" && evidence.contains("6 connections held at the signal, none lost"),
        "{evidence}"
    );
}

#[test]
fn a_call_in_a_phase_that_ends_without_a_status_is_not_served() {
    let seen = held("grpc-half");
    seen.each("L", &["answered"]);
    let lost = seen.told["L"].len() as u64;
    assert_eq!((seen.count("truncated"), seen.code), (lost, Some(1)), "{:#}", seen.verdict);
    let (found, evidence) = check(&seen.verdict, "phases-served");
    assert_eq!(found, "fail");
    for phase in ["half a head sent", "half a body sent", "awaiting the answer"] {
        assert!(evidence.contains(phase), "{phase}: {evidence}");
    }
    let (_, evidence) = check(&seen.verdict, "requests-answered");
    assert!(evidence.contains("gRPC response ended without a status"), "{evidence}");
}

#[test]
fn a_call_without_a_message_sends_an_empty_one_and_needs_no_schema() {
    let seen = rehearse("grpc", &[&CALLS[..4], &["--url=events=GRPC:/grpc/Watch"]].concat());
    assert_eq!(seen.code, Some(0), "{:#}", seen.verdict);
    seen.adds_up();
    assert_eq!(seen.verdict["in_flight_at_signal"]["events"], 8, "{:#}", seen.verdict);
}
