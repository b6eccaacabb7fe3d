//! Over many shutdowns under load, the demo loses nothing; a plain server under the same load does.

use ebbtide_e2e::{free_port, rehearse, service_program};

/// The load of the design's bar, as a debug build on two shared cores can carry it.
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
    // Zero of nothing would be no proof.
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
    let reasons = ["new connection accepted by the kernel and closed", "kept connection closed"];
    assert!(evidence.contains("lost after the signal"), "{evidence}");
    assert!(reasons.iter().any(|reason| evidence.contains(reason)), "{evidence}");
}
