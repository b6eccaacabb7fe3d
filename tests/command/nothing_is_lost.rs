//! Over many shutdowns under load, the demo loses nothing; a plain server under the same load does.
//!
//! With one line replaced, a plain axum program loses nothing under the same load.
#![expect(clippy::expect_used, reason = "a helper that fails fails its test")]

use std::time::Duration;

use ebbtide_http1::client::Client;
use ebbtide_tests::{Rehearsed, ReportFile, Served, free_port, rehearse, service, service_program};

/// The load, sized for a debug build on two shared cores.
const SHAPES: [&str; 6] = ["--storm", "64", "--keepalive", "200", "--slow-time", "1s-2s"];

#[test]
fn the_demo_loses_nothing_in_many_shutdowns_under_load() {
    let mut args = vec!["--demo", "--repeat", "5", "--seed", "5"];
    args.extend(SHAPES);
    let rehearsed = rehearse(&args);
    assert_eq!(rehearsed.code, Some(0), "{:#}", rehearsed.json);
    assert_eq!(rehearsed.json["verdict"], "pass");
    for loss in ["lost", "truncated", "timed_out"] {
        assert_eq!(rehearsed.count(loss), 0, "{loss}: {:#}", rehearsed.json);
    }
    // Zero losses prove nothing without load.
    assert!(rehearsed.count("answered") > 5000, "{:#}", rehearsed.json["requests"]);
    assert!(rehearsed.count("answered_after_signal") > 1000, "{:#}", rehearsed.json["requests"]);
    assert!(rehearsed.count("refused") > 0, "{:#}", rehearsed.json["requests"]);
    assert_eq!(rehearsed.json["runs"].as_array().map(Vec::len), Some(5));
}

#[test]
fn a_plain_axum_server_loses_requests_and_the_command_says_which_and_why() {
    let address = format!("127.0.0.1:{}", free_port());
    let (ready, service) = (format!("http://{address}/readyz"), service_program());
    let mut args = vec!["--ready", ready.as_str(), "--repeat", "5", "--seed", "5"];
    args.extend(["--url", "storm=/ping", "--url", "keepalive=/ping", "--url", "slow=/slow?ms={ms}"]);
    args.extend(SHAPES);
    args.extend(["--", service.to_str().expect("UTF-8"), "peer_axum", "--listen", &address]);
    let rehearsed = rehearse(&args);
    assert_eq!(rehearsed.code, Some(1), "{:#}", rehearsed.json);
    assert!(rehearsed.count("lost") > 0, "{:#}", rehearsed.json["requests"]);
    let (verdict, evidence) = rehearsed.check("requests-answered");
    assert_eq!(verdict, "fail");
    assert!(evidence.contains("storm: ") || evidence.contains("keepalive: "), "{evidence}");
    // What the first run lost, of what such a server can lose.
    let reasons = [
        "new connection accepted by the kernel and closed before the first byte was sent",
        "new connection reset with no response byte",
        "new connection closed with no response byte",
        "kept connection closed with no response byte",
    ];
    assert!(evidence.contains("lost after the signal"), "{evidence}");
    assert!(reasons.iter().any(|reason| evidence.contains(reason)), "{evidence}");
}

// One line replaced.

const BEFORE: &str = include_str!("../src/bin/service/peer_axum.rs");
const AFTER: &str = include_str!("../src/bin/service/axum_replaced.rs");

fn rehearsed(name: &str) -> Rehearsed {
    let address = format!("127.0.0.1:{}", free_port());
    let (ready, service) = (format!("http://{address}/readyz"), service_program());
    let mut args = vec!["--ready", ready.as_str(), "--repeat", "3", "--seed", "7"];
    args.extend(["--url", "storm=/ping", "--url", "keepalive=/ping", "--url", "slow=/slow?ms={ms}"]);
    args.extend(SHAPES);
    args.extend(["--", service.to_str().expect("UTF-8"), name, "--listen", &address]);
    rehearse(&args)
}

#[test]
fn the_two_programs_differ_in_one_line() {
    let code = |text: &'static str| text.lines().filter(|line| !line.starts_with("//!"));
    let different: Vec<_> = code(BEFORE).zip(code(AFTER)).filter(|(before, after)| before != after).collect();
    let expected = (
        "    axum::serve(listener, router).with_graceful_shutdown(stopped).await?;",
        "    ebbtide::http::serve(listener, router).with_graceful_shutdown(stopped).await?;",
    );
    assert_eq!((different, code(BEFORE).count()), (vec![expected], code(AFTER).count()));
}

#[test]
fn with_the_line_replaced_nothing_is_lost() {
    let rehearsed = rehearsed("axum_replaced");
    for loss in ["lost", "truncated", "timed_out"] {
        assert_eq!(rehearsed.count(loss), 0, "{loss}: {:#}", rehearsed.json);
    }
    // Zero losses prove nothing without load.
    assert!(rehearsed.count("answered") > 2000, "{:#}", rehearsed.json["requests"]);
    assert!(rehearsed.count("answered_after_signal") > 300, "{:#}", rehearsed.json["requests"]);
    assert_eq!(rehearsed.check("exit-code").0, "pass", "{:#}", rehearsed.json);
}

/// The plain program hangs in this case: see `handlers_that_never_return_are_cancelled.rs`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_cancelled_at_the_deadline_is_an_error_that_names_it() {
    let report = ReportFile::new();
    let mut command = service("axum_replaced");
    command.args(["--listen", "127.0.0.1:0"]).env("EBBTIDE_GRACE", "6s").env("EBBTIDE_REPORT", report.path());
    let mut served = Served::start(&mut command);
    let mut never = Client::connect(served.addr).await.expect("the server accepts");
    never.get("/never?secret").await.expect("the request is sent");
    served.process.says("asked for /never");
    served.terminate();
    let ended = served.ended(Duration::from_secs(6)).await;
    ended
        .code(1)
        .said("1 in flight cancelled at the deadline: GET /never from 127.0.0.1")
        .never_said("secret");
    let report = report.read();
    assert_eq!((report.exit_code, report.totals().cancelled), (3, 1), "{report:?}");
}

/// The opposite: the same program without the replaced line.
#[test]
fn without_the_line_replaced_requests_are_lost_under_the_same_load() {
    let rehearsed = rehearsed("peer_axum");
    assert_eq!(rehearsed.code, Some(1), "{:#}", rehearsed.json);
    assert!(rehearsed.count("lost") > 0, "{:#}", rehearsed.json["requests"]);
}
