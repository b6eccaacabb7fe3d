//! Calls of gRPC to a tonic service: their messages are JSON, encoded by the service's own server reflection or by given descriptors, and
//! the shutdown of each kind of call is judged.
#![expect(clippy::expect_used, reason = "a helper that fails fails its test")]

use std::fs;
use std::net::TcpStream;
use std::process::{Command, Output};

use ebbtide_tests::{Rehearsed, ebbtide_program, free_port, kinds_protoset, rehearse_in, service_program};

/// A load that has each kind of call in flight at the signal, whatever the timing.
const LOAD: [&str; 9] = [
    "--storm=2",
    "--keepalive=4",
    "--slow=3",
    "--open=20",
    "--held=3",
    "--slow-time=500ms-900ms",
    "--warmup=1200ms",
    "--window=200ms",
    "--seed=7",
];
const CALLS: [&str; 7] = [
    "--url=storm=GRPC:/kinds.Kinds/Double",
    "--url=keepalive=GRPC:/kinds.Kinds/Double",
    "--url=open=GRPC:/kinds.Kinds/Double",
    "--url=slow=GRPC:/kinds.Kinds/Double",
    "--url=events=GRPC:/kinds.Kinds/Count",
    "--url=client-stream=/kinds.Kinds/Sum",
    "--url=bidi-stream=/kinds.Kinds/Echo",
];
const MESSAGES: [&str; 3] = [
    r#"--grpc-message={"value": "21"}"#,
    r#"--grpc-message=slow={"value": 21, "ms": "{ms}"}"#,
    r#"--grpc-message=events={"value": 40, "ms": 20}"#,
];

/// The options for the service `kinds` in `mode`, with this version of reflection, and `options`.
fn words(mode: &str, version: &str, options: &[&str]) -> Vec<String> {
    let port = free_port();
    let mut words = vec![format!("--ready={port}")];
    words.extend(options.iter().map(|&option| option.to_owned()));
    let service = service_program();
    let service = service.to_str().expect("UTF-8");
    words.extend(["--", service, "kinds", mode].map(str::to_owned));
    words.extend([format!("127.0.0.1:{port}"), version.to_owned()]);
    words
}

fn rehearsed(mode: &str, version: &str, options: &[&str]) -> Rehearsed {
    let words = words(mode, version, options);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    rehearse_in(&[("EBBTIDE_LAME_DUCK", "300ms"), ("EBBTIDE_GRACE", "10s")], &words)
}

#[test]
fn calls_of_all_four_kinds_to_a_tonic_service_on_ebbtide_lose_nothing() {
    for version in ["v1", "v1alpha"] {
        let rehearsed =
            rehearsed("ebbtide", version, &[&LOAD[..], &CALLS, &MESSAGES, &["--repeat=2"]].concat());
        assert_eq!((rehearsed.code, rehearsed.failed()), (Some(0), Vec::new()), "{:#}", rehearsed.json);
        for loss in ["lost", "truncated", "timed_out", "wrong"] {
            assert_eq!(rehearsed.count(loss), 0, "{loss}: {:#}", rehearsed.json);
        }
        for shape in ["slow", "events", "client-stream", "bidi-stream"] {
            let in_flight = rehearsed.json["in_flight_at_signal"][shape].as_u64();
            assert!(in_flight > Some(0), "{shape}: {:#}", rehearsed.json);
        }
        let (found, evidence) = rehearsed.check("phases-served");
        // Every phase of HTTP/2, also the one that needs a message with `{ms}`.
        assert!(found == "pass" && evidence.contains("held at the signal, none lost"), "{evidence}");
        assert!(!evidence.contains("not held"), "{evidence}");
    }
}

/// The opposite: the same service in a process that exits at the signal.
#[test]
fn a_tonic_service_that_exits_at_the_signal_loses_calls_of_each_kind() {
    let rehearsed = rehearsed("exits", "v1", &[&LOAD[..], &CALLS, &MESSAGES].concat());
    assert_eq!(rehearsed.code, Some(1), "{:#}", rehearsed.json);
    let (found, evidence) = rehearsed.check("requests-answered");
    assert_eq!(found, "fail");
    for shape in ["slow: ", "events: ", "client-stream: ", "bidi-stream: "] {
        assert!(evidence.contains(shape), "{shape}: {evidence}");
    }
    let (found, evidence) = rehearsed.check("phases-served");
    assert!(found == "fail" && evidence.contains("awaiting the answer"), "{evidence}");
}

/// Another opposite: tonic's own graceful shutdown waits for streams that have no end.
#[test]
fn streams_that_the_service_does_not_end_are_lost_at_the_end_of_the_grace_period() {
    let endless = ["--url=events=GRPC:/kinds.Kinds/Count", r#"--grpc-message={"ms": 20}"#, "--grace=2s"];
    let rehearsed = rehearsed("tonic", "v1", &[&LOAD[4..5], &LOAD[6..], &endless].concat());
    assert_eq!(rehearsed.code, Some(1), "{:#}", rehearsed.json);
    let failed = rehearsed.failed();
    assert!(
        ["requests-answered", "exit-in-time", "no-kill"].iter().all(|id| failed.contains(id)),
        "{failed:?}"
    );
    let (_, evidence) = rehearsed.check("requests-answered");
    assert!(evidence.contains("events: 3 of 3 truncated"), "{evidence}");
}

#[test]
fn given_descriptors_encode_the_messages_of_a_service_without_reflection() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("kinds.protoset");
    fs::write(&file, kinds_protoset()).expect("written");
    let protoset = format!("--protoset={}", file.display());
    let rehearsed = rehearsed("ebbtide", "none", &[&LOAD[..], &CALLS, &MESSAGES, &[&protoset]].concat());
    assert_eq!((rehearsed.code, rehearsed.failed()), (Some(0), Vec::new()), "{:#}", rehearsed.json);
}

#[test]
fn without_ready_a_service_that_has_calls_alone_is_found_and_loaded_with_these() {
    let calls =
        ["--url=keepalive=GRPC:/kinds.Kinds/Double", "--url=bidi-stream=/kinds.Kinds/Echo", "--held=3"];
    let mut words = words("ebbtide", "v1", &[&calls[..], &MESSAGES[..1], &LOAD[5..]].concat());
    words.remove(0);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let rehearsed = rehearse_in(&[("EBBTIDE_LAME_DUCK", "300ms"), ("EBBTIDE_GRACE", "10s")], &words);
    assert_eq!((rehearsed.code, rehearsed.failed()), (Some(0), Vec::new()), "{:#}", rehearsed.json);
    let (_, evidence) = rehearsed.check("routes-served");
    assert!(evidence.starts_with("2 routes answered"), "{evidence}");
}

/// What the command said of a service in mode `exits`, without a verdict.
fn refused(version: &str, options: &[&str], code: i32) -> String {
    let words = words("exits", version, options);
    let port = words.iter().find_map(|word| word.strip_prefix("127.0.0.1:")).expect("a port").to_owned();
    let output: Output =
        Command::new(ebbtide_program()).args(["rehearse", "--quiet"]).args(&words).output().expect("started");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "", "{said}");
    assert!(said.contains("\nhint: ") || said.contains("hint: "), "{said}");
    let left = TcpStream::connect(format!("127.0.0.1:{port}"));
    assert!(left.is_err(), "the service was left running");
    said
}

const DOUBLE: &str = "--url=keepalive=GRPC:/kinds.Kinds/Double";

#[test]
fn a_call_that_does_not_fit_the_service_is_refused_with_what_there_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("kinds.protoset");
    fs::write(&file, kinds_protoset()).expect("written");
    let protoset = format!("--protoset={}", file.display());
    let value = r#"--grpc-message={"value": 1}"#;
    let cases: [(&[&str], &[&str]); 7] = [
        (
            &["--url=keepalive=GRPC:/kinds.Kind/Double", value],
            &["unknown service `kinds.Kind`: known: ", "kinds.Kinds"],
        ),
        (
            &["--url=open=GRPC:/kinds.Kinds/Triple", value],
            &["unknown method `Triple` of `kinds.Kinds`: known: Double, Count, Sum, Echo"],
        ),
        (
            &["--url=client-stream=/kinds.Kinds/Double", value],
            &[
                "`kinds.Kinds.Double` is a unary method, which client-stream does not send",
                "--url keepalive=GRPC:/PACKAGE.SERVICE/METHOD",
            ],
        ),
        (
            &["--url=storm=GRPC:/kinds.Kinds/Count", value],
            &[
                "`kinds.Kinds.Count` is a server-streaming method, which storm does not send",
                "--url events=GRPC:",
            ],
        ),
        (
            &["--url=events=GRPC:/kinds.Kinds/Echo", value],
            &["bidirectional streaming method", "--url bidi-stream="],
        ),
        (&[DOUBLE, r#"--grpc-message={"valeu": 1}"#], &["invalid message of kinds.Number", "`valeu`"]),
        (
            &[DOUBLE, r#"--grpc-message={"value": "one"}"#],
            &["invalid message of kinds.Number, field `value`"],
        ),
    ];
    for (options, said) in cases {
        // The service is started only if it has to be asked.
        let asked = refused("v1", options, 3);
        let given = refused("none", &[options, &[protoset.as_str()]].concat(), 2);
        for part in said {
            let at = |text: &str| text.replace('\'', "`").contains(part);
            assert!(at(&asked) && at(&given), "{part}: {asked}{given}");
        }
    }
}

#[test]
fn a_service_without_reflection_needs_descriptors_that_are_valid() {
    let said = refused("none", &[DOUBLE, r#"--grpc-message={"value": 1}"#], 3);
    assert!(said.contains("no server reflection") && said.contains("hint: --protoset FILE"), "{said}");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("kinds.proto");
    let protoset = format!("--protoset={}", file.display());
    let said = refused("none", &[DOUBLE, &protoset], 2);
    assert!(said.contains("cannot read `") && said.contains("(--protoset)"), "{said}");
    for text in ["", "syntax = \"proto3\";\n"] {
        fs::write(&file, text).expect("written");
        let said = refused("none", &[DOUBLE, &protoset], 2);
        assert!(said.contains("kinds.proto` (--protoset): invalid descriptors: "), "{said}");
        assert!(said.contains("protoc --include_imports -o FILE"), "{said}");
    }
    // Without the file that it imports.
    let whole =
        <prost_types::FileDescriptorSet as prost::Message>::decode(&*kinds_protoset()).expect("a set");
    let part = prost_types::FileDescriptorSet { file: whole.file.into_iter().skip(1).collect() };
    fs::write(&file, prost::Message::encode_to_vec(&part)).expect("written");
    let said = refused("none", &[DOUBLE, &protoset], 2);
    assert!(said.contains("number.proto") && said.contains("--include_imports"), "{said}");
}

#[test]
fn a_message_that_no_call_sends_is_refused() {
    let value = r#"--grpc-message={"value": 1}"#;
    let said = refused("v1", &["--url=keepalive=/ping", value], 2);
    assert!(said.contains("--grpc-message is not sent: no route is a call of gRPC"), "{said}");
    let said = refused("v1", &[DOUBLE, r#"--grpc-message=open={"value": 1}"#], 2);
    assert!(said.contains("--grpc-message open=… is not sent"), "{said}");
    let said = refused("v1", &[DOUBLE, value, value], 2);
    assert!(said.contains("--grpc-message was given more than once"), "{said}");
    let output = Command::new(ebbtide_program())
        .args(["rehearse", "--ready=1", DOUBLE, value, "--body=x", "--", "true"])
        .output()
        .expect("started");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("'--grpc-message <[SHAPE=]JSON>' cannot be used with") && said.contains("--body"),
        "{said}"
    );
}
