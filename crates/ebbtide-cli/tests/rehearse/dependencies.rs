//! Connections to dependencies through relays. Needs PostgreSQL, Redis, RabbitMQ and NATS: those that EBBTIDE_TEST_POSTGRES and so on
//! name (`cargo xtask test` does), or the local ones.

use std::env;
use std::fs;
use std::process::{Command, Output};

use serde_json::Value;

use crate::common::{check, ebbtide, hint, need, service, verdict};
use crate::ports::free_port;

const PROTOCOLS: [&str; 4] = ["postgres", "redis", "rabbitmq", "nats"];

/// Returns the address of the server of `protocol`.
pub(crate) fn address(protocol: &str) -> String {
    let (variable, port) = match protocol {
        "postgres" => ("EBBTIDE_TEST_POSTGRES", 5432),
        "redis" => ("EBBTIDE_TEST_REDIS", 6379),
        "rabbitmq" => ("EBBTIDE_TEST_RABBITMQ", 5672),
        _ => ("EBBTIDE_TEST_NATS", 4222),
    };
    let url = env::var(variable).unwrap_or_else(|_| format!("{protocol}://127.0.0.1:{port}/"));
    let (_, rest) = url.split_once("://").unwrap();
    let host = rest.split('/').next().unwrap();
    host.rsplit('@').next().unwrap().to_owned()
}

/// Returns a rehearsal of a service with `open` connections to `protocol` at `to`, of which it abandons some.
fn rehearsal(protocol: &str, to: &str, open: u8, abandoned: u8) -> Command {
    need("python3");
    let port = free_port().to_string();
    let mut command = ebbtide();
    command.args(["rehearse", "--format=json", "--grace=10s", "--signal-at=idle", "--warmup=100ms"]);
    command.arg(format!("--ready={port}")).arg(format!("--via={protocol}={}", address(protocol)));
    let numbers = [open, abandoned].map(|number| number.to_string());
    command
        .arg("--")
        .arg("python3")
        .arg(service("dependencies.py"))
        .args([&port, protocol, to])
        .args(numbers);
    command
}

/// Adds an option to a rehearsal.
fn with(command: &Command, options: &[&str]) -> Command {
    let mut changed = ebbtide();
    let mut args = command.get_args();
    changed.args(args.by_ref().take(1)).args(options).args(args);
    changed
}

fn through(protocol: &str) -> String {
    format!("{{via.{protocol}}}")
}

#[track_caller]
fn judged(command: &mut Command) -> (Option<i32>, Value) {
    let output = command.output().unwrap();
    (output.status.code(), verdict(&output))
}

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_service_that_closes_each_connection_passes() {
    for protocol in PROTOCOLS {
        let (code, verdict) = judged(&mut rehearsal(protocol, &through(protocol), 3, 0));
        let (found, evidence) = check(&verdict, "dependencies-closed");
        assert_eq!((code, found.as_str()), (Some(0), "pass"), "{evidence}: {verdict:#}");
        assert!(
            evidence.starts_with(&format!("{protocol}: of 3 connections, 3 closed by the service")),
            "{evidence}"
        );
        assert!(!evidence.contains("(pid "), "it is one process: {evidence}");
    }
}

#[test]
fn a_service_that_abandons_some_connections_fails_with_their_number() {
    for (protocol, how) in [
        ("postgres", "without the last message of its protocol"),
        ("redis", "while it awaited an answer"),
        ("rabbitmq", "without the last message of its protocol"),
        ("nats", "with a subscription at the end of the process"),
    ] {
        let (code, verdict) = judged(&mut rehearsal(protocol, &through(protocol), 3, 2));
        let (found, evidence) = check(&verdict, "dependencies-closed");
        assert_eq!((code, found.as_str()), (Some(1), "fail"), "{evidence}: {verdict:#}");
        assert!(
            evidence.starts_with(&format!("{protocol}: of 3 connections, 1 closed by the service")),
            "{evidence}"
        );
        let (_, kinds) = evidence.split_once(", 2 abandoned (").unwrap_or_else(|| panic!("{evidence}"));
        // The kernel resets a connection whose process ends with bytes unread.
        let kinds = kinds.trim_end_matches(')').split(", ");
        assert!(
            kinds.into_iter().all(|kind| kind.ends_with(how) || kind.ends_with("by a reset")),
            "{evidence}"
        );
        assert!(hint(&verdict, "dependencies-closed").contains("as the last resource"));
    }
}

#[test]
fn a_service_that_is_killed_abandons_every_connection() {
    let command = rehearsal("postgres", &through("postgres"), 3, 0);
    // It has no handler for this signal.
    let (code, verdict) = judged(&mut with(&command, &["--signal=USR1"]));
    let (_, evidence) = check(&verdict, "dependencies-closed");
    assert_eq!(code, Some(1));
    assert!(evidence.contains("3 abandoned (3 without the last message of its protocol)"), "{evidence}");
}

#[test]
fn a_service_that_does_not_use_the_relay_proves_nothing() {
    let (code, verdict) = judged(&mut rehearsal("redis", &address("redis"), 1, 1));
    let (found, evidence) = check(&verdict, "dependencies-closed");
    assert_eq!((code, found.as_str()), (Some(4), "inconclusive"), "{evidence}");
    assert_eq!(evidence, "redis: the service opened no connection through the relay");
    assert!(hint(&verdict, "dependencies-closed").contains("{via.NAME}"));
}

#[test]
fn the_address_of_the_relay_is_in_the_environment_too() {
    for (variable, options) in [
        ("$VIA_REDIS", &[][..]),
        ("$QUEUE", &["--env=QUEUE={via.redis}"]),
        ("127.0.0.1:$PORT", &["--env=PORT={via.redis.port}"]),
    ] {
        let port = free_port().to_string();
        let script = format!("exec python3 \"$0\" \"$1\" redis \"{variable}\" 2 0");
        let mut command = ebbtide();
        // Without --ready, the service is started twice, each time with relays.
        command.args(["rehearse", "--format=json", "--signal-at=idle", "--warmup=100ms"]).args(options);
        command.arg(format!("--via=redis={}", address("redis"))).args(["--", "sh", "-c", &script]);
        let (code, verdict) = judged(command.arg(service("dependencies.py")).arg(&port));
        let (_, evidence) = check(&verdict, "dependencies-closed");
        assert_eq!(code, Some(0), "{variable}: {verdict:#}");
        assert!(evidence.starts_with("redis: of 2 connections, 2 closed"), "{variable}: {evidence}");
    }
}

#[test]
fn a_dependency_can_be_slow_or_silent_from_the_signal_on() {
    let command = rehearsal("nats", &through("nats"), 1, 0);
    let exit = |options: &[&str]| {
        let (code, verdict) = judged(&mut with(&command, options));
        assert_eq!(code, Some(0), "{verdict:#}");
        verdict["exit"]["after_ms"].as_f64().unwrap()
    };
    // The service sends a PING, waits for the PONG for two seconds at most, and then sleeps for one. None of these can be shorter.
    assert!(exit(&["--via-at-signal=nats=delay:400ms"]) >= 1800.0, "there and back");
    assert!(exit(&["--via-at-signal=nats=silence"]) >= 3000.0, "the whole time");
    // The opposite: a dependency that answers does not keep the service for as long.
    assert!(exit(&[]) < exit(&["--via-at-signal=nats=silence"]));
}

#[test]
fn each_dependency_has_a_line_and_the_record_has_them() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("record");
    let command = rehearsal("redis", &through("redis"), 2, 1);
    let options = [format!("--via=nats={}", address("nats")), format!("--record={}", file.display())];
    let (code, verdict) = judged(&mut with(&command, &options.each_ref().map(String::as_str)));
    assert_eq!(code, Some(1));
    let (_, evidence) = check(&verdict, "dependencies-closed");
    let lines: Vec<&str> = evidence.lines().collect();
    assert_eq!(lines.len(), 2, "{evidence}");
    assert!(evidence.contains("nats: the service opened no connection through the relay"), "{evidence}");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("\"awaiting\":true"), "each connection is in the record");
    let replayed = ebbtide().arg("replay").arg(&file).arg("--format=json").output().unwrap();
    assert_eq!(crate::common::verdict(&replayed)["checks"], verdict["checks"]);
}

#[test]
fn deliveries_that_are_not_acknowledged_are_noted_and_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("record");
    for (protocol, again) in [
        ("rabbitmq", "redelivered by the broker, if the queue still exists"),
        ("nats", "redelivered after the ack wait, if the consumer still exists"),
    ] {
        let rehearsed = |deliver: &str| {
            let command = rehearsal(protocol, &through(protocol), 2, 0);
            let (code, verdict) =
                judged(with(&command, &[&format!("--record={}", file.display())]).arg(deliver));
            assert_eq!(code, Some(0), "{verdict:#}");
            verdict["runs"][0].clone()
        };
        let run = rehearsed("deliver=5:3");
        let note =
            format!("{protocol}: 4 deliveries were not acknowledged at the end of 2 connections: {again}");
        assert!(run["notes"].as_array().unwrap().iter().any(|found| *found == *note), "{run:#}");
        let left = &run["unacknowledged"][0];
        assert_eq!((&left["dependency"], &left["deliveries"]), (&protocol.into(), &4.into()), "{run:#}");
        for format in ["text", "html"] {
            let again = ebbtide().arg("replay").arg(&file).args(["--format", format]).output().unwrap();
            assert!(String::from_utf8_lossy(&again.stdout).contains(&note), "{format}");
        }
        // All of them acknowledged.
        let run = rehearsed("deliver=5:5");
        assert!(run["unacknowledged"].is_null(), "{run:#}");
        assert!(!run["notes"].to_string().contains("not acknowledged"), "{run:#}");
    }
}

#[test]
fn a_dependency_that_cannot_be_used_is_named() {
    for (options, code, why) in [
        (&["--via=redis=127.0.0.1:1"][..], 3, "cannot reach redis at 127.0.0.1:1"),
        (&["--via=redis"], 2, "expected NAME=HOST:PORT, such as postgres=127.0.0.1:5432"),
        (&["--via=oracle=127.0.0.1:1"], 2, "the name begins with none of the protocols postgres, mysql"),
        (&["--via=redis=a:1", "--via=redis=b:2"], 2, "--via redis was given more than once"),
        (&["--via-at-signal=redis=silence"], 2, "--via-at-signal redis without --via redis"),
        (&["--via-at-signal=redis=slow"], 2, "expected NAME=delay:TIME or NAME=silence"),
        (&["--via-at-signal=redis=delay:soon"], 2, "invalid duration `soon`"),
        (&["--env=QUEUE={via.redis}"], 2, "no relay for {via.redis}"),
        (&["--env=QUEUE"], 2, "expected NAME=VALUE"),
        (&["--via=redis=a:1", "--attach=7"], 2, "cannot be used with"),
    ] {
        let mut command = ebbtide();
        command.args(["rehearse", "--ready=1"]).args(options);
        if !options.iter().any(|option| option.contains("--attach")) {
            command.args(["--", "./service"]);
        }
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{options:?}: {}", words(&output));
        assert!(words(&output).contains(why), "{options:?}: {}", words(&output));
    }
}

#[test]
fn a_relay_that_the_demo_does_not_use_is_refused_before_it_starts() {
    let redis = ["--via=redis=a:1", "--", "--queue", "redis"];
    for (options, why, hint) in [
        (
            &redis[..1],
            "--via redis has no effect: the demo does not connect to it",
            "`-- --queue redis` puts the queue of the demo there",
        ),
        (
            &["--via=mysql=a:1"],
            "--via mysql has no effect",
            "the demo can use postgres, redis, rabbitmq and nats",
        ),
        (
            &[&["--via=redis-2=a:2"][..], &redis].concat(),
            "--via redis has no effect: the demo connects through --via redis-2",
            "remove --via redis",
        ),
        (
            &[&["--env=REDIS_URL=redis://{via.redis}/3"][..], &redis].concat(),
            "--env REDIS_URL is not supported with --demo",
            "set REDIS_URL in the environment of the command",
        ),
    ] {
        let output = ebbtide().args(["rehearse", "--demo"]).args(options).output().unwrap();
        let said = words(&output);
        assert_eq!(output.status.code(), Some(2), "{options:?}: {said}");
        assert!(said.starts_with(&format!("error: {why}")), "{options:?}: {said}");
        assert!(said.contains(&format!("\nhint: {hint}")), "{options:?}: {said}");
    }
}
