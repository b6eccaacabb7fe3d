//! Unanswered requests by their ids in the output of the service: which were read, counted by the service itself.

use serde_json::Value;

use crate::common::{check, ebbtide, judged, marks, need, service};
use crate::ports::free_port;
use crate::scene::LOAD;

/// Rehearses a service that loses 5 requests that it has read, and 3 that it has not. Returns `runs[].executed`, and the evidence.
#[track_caller]
fn lossy(mode: &str, options: &[&str]) -> (Value, String) {
    need("python3");
    let folder = tempfile::tempdir().unwrap();
    let (truth, record) = (folder.path().join("truth"), folder.path().join("record"));
    let port = free_port();
    let mut command = ebbtide();
    command.env("TRUTH", &truth).args(["rehearse", "--format=json", "--quiet", "--grace=10s", "--no-phases"]);
    command.arg(format!("--ready=http://127.0.0.1:{port}/readyz"));
    command.arg(format!("--record={}", record.display())).args(LOAD).arg("--method=GET").args(options);
    command.args(["--", "python3"]).arg(service("request_ids.py")).arg(port.to_string());
    let output = command.args([mode, "5", "3"]).output().unwrap();
    let (verdict, requests) = judged(&output, &record);
    let marks = marks(&truth);
    assert_eq!((marks["D"].len(), marks["U"].len()), (5, 3), "{verdict:#}");
    assert_eq!(verdict["lost_by_shutdown"], 8, "{verdict:#}");
    for id in marks["D"].iter().chain(&marks["U"]) {
        assert_eq!(requests[id]["outcome"], "unanswered", "{id}");
    }
    // Read back from its record, a run says the same.
    let again = ebbtide().args(["replay", "--format=json"]).arg(&record).output().unwrap();
    let again: Value = serde_json::from_slice(&again.stdout).unwrap();
    let executed = verdict["runs"][0]["executed"].clone();
    assert_eq!(again["runs"][0]["executed"], executed);
    (executed, check(&verdict, "requests-answered").1)
}

#[test]
fn requests_that_were_read_are_told_from_those_that_were_not() {
    let (executed, evidence) = lossy("logs", &[]);
    let expected = serde_json::json!({ "unanswered": 8, "in_output": 5, "not_in_output": 3 });
    assert_eq!(executed, expected, "{evidence}");
    let (read, absent) = ("5 of 8 unanswered requests were read by the service: ", "; that of 3 is not");
    assert!(evidence.contains(read) && evidence.contains(absent), "{evidence}");
}

/// It logs no lost request, also one that it has executed: nothing is said of these but that their ids are not there.
#[test]
fn a_service_that_logs_at_the_end_of_a_request_is_not_said_to_have_read_none() {
    let (executed, evidence) = lossy("logs-at-the-end", &[]);
    assert_eq!(executed, serde_json::json!({ "unanswered": 8, "in_output": 0, "not_in_output": 8 }));
    assert!(
        evidence.contains("0 of 8 unanswered requests have their x-request-id in the output"),
        "{evidence}"
    );
    assert!(!evidence.contains("read by the service"), "{evidence}");
}

#[test]
fn of_a_service_that_logs_no_ids_or_gets_one_id_for_all_nothing_is_said() {
    for (mode, options) in [("silent", &[][..]), ("logs", &["--header=X-Request-Id: mine"])] {
        let (executed, evidence) = lossy(mode, options);
        assert_eq!((executed, evidence.contains("x-request-id")), (Value::Null, false), "{evidence}");
    }
}
