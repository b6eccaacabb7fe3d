//! Examples that work: pools, schedules, resources, consumers of each queue, and telemetry.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::time::Duration;

use ebbtide_demo::queue::QueueKind;
use ebbtide_tests::jobs::Bed;
use ebbtide_tests::{Collector, Process};
use tokio::runtime::Runtime;

use super::example::{address, command, exited, get, post, serve, start, stop};

const NONE: [&str; 0] = [];

#[tokio::test]
async fn workers() {
    let served = serve("workers", &NONE);
    post(served.addr, "/thumbnails", "cat.png").await;
    // It is still being resized at the signal.
    stop(served.process).said("thumbnail written image=\"cat.png\"");
}

#[test]
fn cron() {
    let process = start("cron", &["* * * * * *"]);
    process.says("report begun");
    let ended = stop(process);
    let reports = |what| ended.output.matches(what).count();
    assert_eq!(reports("report begun"), reports("report written"), "{}", ended.output);
}

#[test]
fn custom_resource() {
    let server = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = server.local_addr().expect("its address").to_string();
    let process = start("custom_resource", &[address]);
    let (mut connection, _) = server.accept().expect("a connection");
    let mut ping = [0; b"PING\r\n".len()];
    connection.read_exact(&mut ping).expect("a ping");
    connection.write_all(b"+PONG\r\n").expect("sent");
    process.says("readiness check passes check=\"cache\"");
    stop(process).said("cache closed");
    assert_eq!(connection.read(&mut ping).expect("the end"), 0);
}

#[test]
fn custom_queue() {
    let folder = tempfile::tempdir().expect("a folder");
    let left = |name: &str| fs::read_dir(folder.path().join(name)).expect("a folder").count();
    // As a process leaves it that was killed.
    fs::create_dir(folder.path().join("taken")).expect("a folder");
    fs::write(folder.path().join("taken/000000000000001.1.welcome-6"), "b@example.org").expect("written");
    let process = start("custom_queue", &[folder.path()]);
    process.says("email sent to=a@example.org");
    process.says("email sent to=b@example.org");
    stop(process);
    assert_eq!([left("waiting"), left("taken"), left("dead")], [0, 0, 0]);
}

// Consumers of a queue.

/// The adapters' own, since all consumers of a queue need the same one.
const LEASE: Duration = Duration::from_secs(30);

#[test]
fn consumer_sqlite() {
    works_off("consumer_sqlite", QueueKind::Sqlite);
}

#[test]
fn consumer_postgres() {
    works_off("consumer_postgres", QueueKind::Postgres);
}

#[test]
fn consumer_redis() {
    works_off("consumer_redis", QueueKind::Redis);
}

#[test]
fn consumer_rabbitmq() {
    works_off("consumer_rabbitmq", QueueKind::Rabbitmq);
}

#[test]
fn consumer_nats() {
    works_off("consumer_nats", QueueKind::Nats);
}

#[test]
fn consumer_sqs() {
    works_off("consumer_sqs", QueueKind::Sqs);
}

/// Starts a consumer on a queue of the test's own, and stops it when it has done a job of its own and one of another producer.
fn works_off(name: &str, kind: QueueKind) {
    let bed = Bed::fresh(kind, LEASE);
    let place = bed.place();
    let mut command = command(name);
    match kind {
        QueueKind::Sqlite => command.arg(&place.url),
        // The table of the test's own queue is in this schema.
        QueueKind::Postgres => {
            let separator = if place.url.contains('?') { '&' } else { '?' };
            let url = format!("{}{separator}options[search_path]=ebbtide_demo", place.url);
            command.env(kind.variable(), url)
        }
        _ => command.env(kind.variable(), &place.url),
    };
    let process = Process::start(command.arg(&place.name));
    process.says("phase=ready");
    bed.push("b@example.org");
    process.says("email sent to=\"a@example.org\"");
    process.says("email sent to=\"b@example.org\"");
    stop(process);
    assert!(bed.left().is_none(), "{:?}", bed.left());
}

// Telemetry.

#[test]
fn traces() {
    // It has a runtime of its own.
    let collector = Collector::start();
    let runtime = Runtime::new().expect("a runtime");
    let mut command = command("traces");
    let process =
        Process::start(command.arg("127.0.0.1:0").env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.http()));
    process.says("phase=ready");
    let answer = runtime.block_on(get(address(&process, "api"), "/orders"));
    assert_eq!(answer, "no orders yet");
    // Before a batch is due.
    stop(process);
    let spans = collector.collected().spans;
    assert!(spans.iter().any(|span| span == "orders"), "{spans:?}");
}

#[test]
fn log_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("orders.log");
    let process = Process::start(command("log_file").arg(&file));
    while !fs::read_to_string(&file).is_ok_and(|log| log.contains("order checked")) {
        assert!(!process.output().contains("error"), "{}", process.output());
        std::thread::sleep(Duration::from_millis(10));
    }
    exited(process);
    let log = fs::read_to_string(&file).expect("the log");
    assert!(log.lines().last().is_some_and(|line| line.contains("cause=\"SIGTERM\" code=0")), "{log}");
}
