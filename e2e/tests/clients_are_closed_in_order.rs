//! What was given to a client of NATS or Redis before the stop reaches the server, although its socket took nothing of it until
//! then; a channel of RabbitMQ gets its confirms, and then is closed before its connection.
#![expect(clippy::expect_used, reason = "a helper that fails fails its test")]

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use async_nats::ConnectOptions;
use ebbtide::model::Outcome;
use ebbtide::{LameDuck, Lifecycle, Report};
use ebbtide_e2e::brokers::free_port;
use ebbtide_e2e::{Process, Stall, services};
use futures_util::StreamExt as _;
use lapin::options::{QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties};
use rustix::process::Signal;
use tokio::sync::Notify;
use tokio::task::JoinSet;

const LONG: Duration = Duration::from_secs(30);
/// More than the server takes to hand over what it has.
const QUIET: Duration = Duration::from_secs(1);

/// Publishes into a way that is closed, stops the service, and opens the way. Returns how many were published, and the last that
/// was sent.
async fn stopped(kind: &str, url: &str, name: &str, how: &str) -> (usize, Vec<u8>) {
    let stall = Stall::before(&services::address(url)).await;
    let mut command = Command::new(env!("CARGO_BIN_EXE_publishes"));
    command.args([kind, &services::through(url, stall.addr), name, how]).env("EBBTIDE_GRACE", "20s");
    let mut process = Process::start(command.stdin(Stdio::piped()));
    process.says("connected");
    stall.hold_to_server();
    process.tell("the way is closed");
    let published = process.says_after("published ").parse().expect("a number");
    process.signal(Signal::TERM);
    process.says("phase=closing");
    stall.release();
    let ended = tokio::task::block_in_place(|| process.ended(LONG)).expect("it does not end");
    ended.code(0);
    (published, stall.sent())
}

async fn nats(how: &str) -> (usize, usize) {
    let (url, subject) = (services::nats(), services::unique("publishes"));
    let client = async_nats::connect(&url).await.expect("NATS answers");
    let mut messages = client.subscribe(subject.clone()).await.expect("subscribed");
    client.flush().await.expect("flushed");
    let (published, _) = stopped("nats", &url, &subject, how).await;
    let mut came = 0;
    while came < published && tokio::time::timeout(QUIET, messages.next()).await.is_ok() {
        came += 1;
    }
    (published, came)
}

async fn redis(how: &str) -> (usize, usize) {
    let (url, list) = (services::redis(), services::unique("publishes"));
    let client = redis::Client::open(url.as_str()).expect("a URL");
    let mut connection = client.get_multiplexed_async_connection().await.expect("Redis answers");
    let (published, _) = stopped("redis", &url, &list, how).await;
    tokio::time::sleep(QUIET).await;
    let came = redis::cmd("LLEN").arg(&list).query_async(&mut connection).await.expect("a number");
    redis::cmd("DEL").arg(&list).exec_async(&mut connection).await.expect("removed");
    (published, came)
}

/// Returns how many were published, how many came, and where in what was sent the channel and the connection were closed.
async fn rabbitmq(how: &str) -> (usize, u32, [Option<usize>; 2]) {
    let (url, queue) = (services::rabbitmq(), services::unique("publishes"));
    let connection =
        Connection::connect(&url, ConnectionProperties::default()).await.expect("RabbitMQ answers");
    let channel = connection.create_channel().await.expect("a channel");
    let declare = async || {
        let declared = channel.queue_declare(
            queue.as_str().into(),
            QueueDeclareOptions::default(),
            FieldTable::default(),
        );
        declared.await.expect("declared").message_count()
    };
    declare().await;
    let (published, sent) = stopped("rabbitmq", &url, &queue, how).await;
    let came = declare().await;
    channel.queue_delete(queue.as_str().into(), QueueDeleteOptions::default()).await.expect("removed");
    // AMQP 0-9-1 §1: the class and the method of channel.close and connection.close, as they stand in a method frame.
    let place = |method: [u8; 4]| sent.windows(4).rposition(|four| four == method);
    (published, came, [place([0, 20, 0, 40]), place([0, 10, 0, 50])])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nats_was_given_arrives() {
    let (published, came) = nats("closed").await;
    assert_eq!(came, published);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_redis_was_given_arrives() {
    let (published, came) = redis("closed").await;
    assert_eq!(came, published);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rabbitmqs_channel_is_confirmed_and_closed_before_its_connection() {
    let (published, came, closed) = rabbitmq("closed").await;
    assert_eq!(came as usize, published, "each was confirmed, and so is in the queue");
    let [channel, connection] = closed;
    assert!(channel.is_some() && channel < connection, "{closed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_opposite_a_client_that_is_dropped_takes_what_it_holds_with_it() {
    for (kind, (published, came)) in [("nats", nats("dropped").await), ("redis", redis("dropped").await)] {
        assert!(came < published, "{kind}: all {published} arrived");
    }
    let (.., [_, connection]) = rabbitmq("dropped").await;
    assert_eq!(connection, None, "nobody told the server");
}

/// A client that may not publish to its own inbox gets no answer to what it sends last: it fails, and its subscriptions end all the
/// same. Whoever reads them here is awaited behind it.
#[test]
fn a_client_of_nats_that_gets_no_answer_is_drained_all_the_same() {
    let (folder, port) = (tempfile::tempdir().expect("a folder"), free_port());
    let settings = folder.path().join("nats.conf");
    let limited =
        r#"{ user: "limited", password: "secret", permissions: { publish: "nothing", subscribe: ">" } }"#;
    std::fs::write(&settings, format!("authorization {{ users: [{limited}] }}")).expect("written");
    let mut server = Command::new("nats-server");
    server.args(["-a", "127.0.0.1", "-p", &port.to_string(), "-c"]).arg(&settings);
    let _server = Process::start(&mut server);
    let lifecycle = Lifecycle::new("test").grace(LONG).lame_duck(LameDuck::NONE);
    let report = lifecycle.run_to_report(async move |life| {
        let options = ConnectOptions::with_user_and_password("limited".to_owned(), "secret".to_owned());
        let options = options.retry_on_initial_connect().request_timeout(Some(QUIET));
        let client = options.connect(format!("nats://127.0.0.1:{port}")).await?;
        let mut messages = client.subscribe("news").await?;
        client.flush().await?;
        let over = life.resource("reader", Arc::new(Notify::new()), |over| async move {
            over.notified().await;
            Ok(())
        });
        life.nats("client", client);
        let mut reading = JoinSet::new();
        reading.spawn(async move {
            while messages.next().await.is_some() {}
            over.notify_one();
        });
        reading.detach_all();
        life.stop("enough");
        Ok(())
    });
    let report = report.expect("it starts");
    assert!(matches!(outcome(&report, "client"), Some(Outcome::Failed { .. })), "{report:?}");
    assert_eq!(outcome(&report, "reader"), Some(Outcome::Drained), "{report:?}");
}

fn outcome(report: &Report, component: &str) -> Option<Outcome> {
    let found = report.components.iter().find(|one| one.name == component);
    found.and_then(|one| one.outcome.clone())
}
