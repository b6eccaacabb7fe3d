use std::time::Duration;

use ebbtide_demo::queue::QueueKind;
use ebbtide_e2e::Process;
use ebbtide_e2e::jobs::Bed;

use super::example::{command, stop};

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
