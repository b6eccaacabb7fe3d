//! Foreign services in other languages, rehearsed as real processes.

use crate::common::{SMALL, check, ebbtide, need, service, verdict};
use crate::ports::free_port;
use serde_json::Value;

/// Rehearses `words` and returns the exit code and the verdict.
#[track_caller]
fn rehearse(interpreter: &str, script: &str, port: u16, more: &[&str]) -> (Option<i32>, Value) {
    let output = ebbtide()
        .args(["rehearse", "--format=json", "--ready"])
        .arg(format!("http://127.0.0.1:{port}/readyz"))
        .args(SMALL)
        .args(["--url=storm=/", "--url=keepalive=/", "--url=open=/"])
        .args(more)
        .args(["--", interpreter])
        .arg(service(script))
        .arg(port.to_string())
        .output()
        .unwrap();
    (output.status.code(), verdict(&output))
}

#[test]
fn a_careful_python_service_passes() {
    need("python3");
    let more = ["--url=slow=/slow/{ms}", "--slow=2", "--slow-time=500ms-900ms", "--require-readiness"];
    let (code, verdict) = rehearse("python3", "careful.py", free_port(), &more);
    assert_eq!(code, Some(0), "{verdict:#}");
    assert_eq!(verdict["verdict"], "pass");
    assert_eq!(verdict["requests"]["lost"], 0);
    assert!(verdict["requests"]["answered_after_signal"].as_u64() > Some(0), "{verdict:#}");
    assert!(verdict["requests"]["refused"].as_u64() > Some(0), "{verdict:#}");
    assert_eq!(check(&verdict, "readiness-before-close").0, "pass");
    let checks = verdict["checks"].as_array().unwrap();
    assert!(checks.iter().all(|check| check["id"] != "orders-processed"), "a check of the demo: {verdict:#}");
    assert!(verdict["runs"][0].get("report").is_none(), "a report that the service did not write");
}

#[test]
fn a_python_service_without_graceful_shutdown_fails_and_the_shape_is_named() {
    need("python3");
    let more = ["--url=slow=/slow/{ms}", "--slow=3", "--slow-time=2s"];
    let (code, verdict) = rehearse("python3", "naive.py", free_port(), &more);
    assert_eq!(code, Some(1), "{verdict:#}");
    let (found, evidence) = check(&verdict, "requests-answered");
    assert_eq!(found, "fail");
    assert!(evidence.contains("slow: 3 of "), "{evidence}");
    assert!(evidence.contains("while the request was being processed"), "{evidence}");
    assert_eq!(check(&verdict, "exit-code").0, "pass");
}

#[test]
fn a_node_service_that_closes_its_server_fails() {
    need("node");
    // `close` resets the accept queue, and never ends a connection that is kept busy: SIGKILL at the end of the grace period ends
    // those.
    let (code, verdict) = rehearse(
        "node",
        "close.js",
        free_port(),
        &["--repeat=2", "--grace=2s", "--storm=64", "--keepalive=100"],
    );
    assert_eq!(code, Some(1), "{verdict:#}");
    assert_eq!(check(&verdict, "requests-answered").0, "fail", "{verdict:#}");
    assert_eq!(verdict["runs"].as_array().map(Vec::len), Some(2));
}

#[test]
fn a_handler_that_throws_is_not_said_to_call_exit() {
    need("node");
    let requests = |at_signal: &str| {
        let more = [at_signal, "--url=slow=/slow/{ms}", "--slow=3", "--slow-time=2s"];
        let (_, verdict) = rehearse("node", "close.js", free_port(), &more);
        assert_eq!(check(&verdict, "requests-answered").0, "fail", "{verdict:#}");
        let checks = verdict["checks"].as_array().unwrap();
        let found = checks.iter().find(|check| check["id"] == "requests-answered").unwrap();
        [&found["cause"], &found["hint"]].map(|text| text.as_str().unwrap_or_default().to_owned())
    };
    let [cause, hint] = requests("--env=AT_SIGNAL=throws");
    assert_eq!(cause, "");
    assert!(hint.starts_with("read the last output of the service"), "{hint}");
    let [_, hint] = requests("--env=AT_SIGNAL=exits");
    assert!(!hint.contains("last output"), "{hint}");
}

/// The parts of the count of sent requests.
const PARTS: [&str; 8] = [
    "answered",
    "refused",
    "connect_timed_out",
    "lost",
    "truncated",
    "timed_out",
    "ended_by_clean_up",
    "foreign",
];

#[test]
fn the_counts_of_the_runs_add_up_to_the_total() {
    need("python3");
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("record.ndjson");
    let into = format!("--record={}", record.display());
    let (_, verdict) = rehearse("python3", "naive.py", free_port(), &["--repeat=2", &into]);
    let number = |value: &Value, field: &str| value["requests"][field].as_u64().unwrap();
    let runs = verdict["runs"].as_array().unwrap();
    for of in runs.iter().chain([&verdict]) {
        let parts = PARTS.map(|field| number(of, field));
        assert_eq!(number(of, "sent"), parts.iter().sum::<u64>(), "{of:#}");
    }
    for field in ["sent", "answered", "answered_after_signal", "refused", "lost", "truncated", "timed_out"] {
        assert_eq!(
            number(&verdict, field),
            runs.iter().map(|run| number(run, field)).sum::<u64>(),
            "{field}"
        );
    }
    let events = std::fs::read_to_string(record).unwrap();
    let requests = events.lines().filter(|line| line.contains(r#""event":"request""#)).count() as u64;
    assert_eq!(requests, number(&verdict, "sent"), "every request is in the record, once");
    assert_eq!(verdict["schema"], 3);
    assert!(verdict["exit"]["after_ms"].is_number());
}
