#![expect(clippy::panic, reason = "a broken harness fails its test")]

use std::path::Path;

use ebbtide_demo::queue::QueueKind;

use super::account::Account;
use super::{postgres, rabbitmq};
use crate::Process;

/// Starts a server over a folder, and returns before it serves.
pub(super) fn launch(kind: QueueKind, folder: &Path, port: u16, beside: &mut Option<Process>) -> Process {
    match kind {
        QueueKind::Sqlite => panic!("SQLite has no server that could die"),
        QueueKind::Postgres => postgres::launch(folder, port),
        QueueKind::Redis => redis(folder, port),
        QueueKind::Rabbitmq => rabbitmq::launch(folder, port, beside),
        QueueKind::Nats => nats(folder, port),
        QueueKind::Sqs => panic!("the emulator of SQS keeps nothing over its death"),
    }
}

pub(super) fn url(kind: QueueKind, port: u16) -> String {
    match kind {
        QueueKind::Sqlite => String::new(),
        QueueKind::Postgres => format!("postgres://postgres@127.0.0.1:{port}/postgres"),
        QueueKind::Redis => format!("redis://127.0.0.1:{port}"),
        QueueKind::Rabbitmq => format!("amqp://guest:guest@127.0.0.1:{port}/%2f"),
        QueueKind::Nats => format!("nats://127.0.0.1:{port}"),
        QueueKind::Sqs => format!("http://127.0.0.1:{port}"),
    }
}

fn redis(folder: &Path, port: u16) -> Process {
    let account = Account::of("redis");
    account.give(folder);
    let mut redis = account.command("redis-server", "KILL");
    redis.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--dir"]).arg(folder);
    redis.args(["--save", "", "--appendonly", "yes", "--appendfsync", "always"]);
    Process::start(&mut redis)
}

fn nats(folder: &Path, port: u16) -> Process {
    let account = Account::of("nats");
    account.give(folder);
    let mut nats = account.command("nats-server", "KILL");
    nats.args(["--addr", "127.0.0.1", "--port", &port.to_string(), "--jetstream", "--store_dir"]);
    Process::start(nats.arg(folder.join("streams")))
}
