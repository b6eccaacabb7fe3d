//! Messages passed to a client of NATS or Redis before the stop reach the server, even if its socket accepted none of them until
//! then, or the server was slow to respond; a channel of RabbitMQ gets its confirms, and then is closed before its connection.
#![expect(clippy::expect_used, reason = "a helper that fails fails its test")]

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use async_nats::ConnectOptions;
use ebbtide::model::Outcome;
use ebbtide::{LameDuck, Lifecycle, Report};
use ebbtide_nats::NatsExt as _;
use ebbtide_redis::RedisExt as _;
use ebbtide_tests::{Process, Stall, free_port, service, services};
use futures_util::StreamExt as _;
use lapin::options::{QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties};
use redis::AsyncConnectionConfig;
use redis::aio::MultiplexedConnection;
use rustix::process::Signal;
use tokio::sync::Notify;
use tokio::task::JoinSet;

const LONG: Duration = Duration::from_secs(30);
/// Differs from every message of the service.
const LAST: &str = "the last one";

/// Publishes while the proxy holds data back, stops the service, releases the data, and waits until the server has read it.
/// Returns the number of published messages, and the last bytes sent.
async fn stopped(kind: &str, url: &str, name: &str, how: &str) -> (usize, Vec<u8>) {
    let stall = Stall::before(&services::address(url)).await;
    let mut command = service("publishes");
    command.args([kind, &services::through(url, stall.addr), name, how]).env("EBBTIDE_GRACE", "20s");
    let mut process = Process::start(command.stdin(Stdio::piped()));
    process.says("connected");
    stall.hold_to_server();
    process.tell("the way is closed");
    let published = process.says_after("published ").parse().expect("a number");
    process.signal(Signal::TERM);
    process.says("phase=closing");
    stall.release();
    let ended = tokio::task::block_in_place(|| process.ended(LONG)).expect("the process does not exit");
    ended.code(0);
    stall.all_ended().await;
    (published, stall.sent())
}

async fn nats(how: &str) -> (usize, usize) {
    let (url, subject) = (services::nats(), services::unique("publishes"));
    let client = async_nats::connect(&url).await.expect("NATS answers");
    let mut messages = client.subscribe(subject.clone()).await.expect("subscribed");
    client.flush().await.expect("flushed");
    let (published, _) = stopped("nats", &url, &subject, how).await;
    // The server delivers messages in the order in which it reads them: this is the last one.
    client.publish(subject, LAST.into()).await.expect("published");
    let mut came = 0;
    while messages.next().await.expect("the subscription continues").payload != LAST {
        came += 1;
    }
    (published, came)
}

async fn redis(how: &str) -> (usize, usize) {
    let (url, list) = (services::redis(), services::unique("publishes"));
    let client = redis::Client::open(url.as_str()).expect("a URL");
    // Other tests use the server too, and may keep it busy.
    let patient = AsyncConnectionConfig::new().set_response_timeout(None);
    let connection = client.get_multiplexed_async_connection_with_config(&patient).await;
    let mut connection = connection.expect("Redis answers");
    let (published, _) = stopped("redis", &url, &list, how).await;
    let came = redis::cmd("LLEN").arg(&list).query_async(&mut connection).await.expect("a number");
    redis::cmd("DEL").arg(&list).exec_async(&mut connection).await.expect("removed");
    (published, came)
}

/// Returns the numbers of published and received messages, and the positions at which the channel and the connection were
/// closed in the sent data.
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
    // AMQP 0-9-1 §1: class and method of channel.close and connection.close in a method frame.
    let place = |method: [u8; 4]| sent.windows(4).rposition(|four| four == method);
    (published, came, [place([0, 20, 0, 40]), place([0, 10, 0, 50])])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn published_nats_messages_arrive() {
    let (published, came) = nats("closed").await;
    assert_eq!(came, published);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_sent_to_redis_arrive() {
    let (published, came) = redis("closed").await;
    assert_eq!(came, published);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rabbitmqs_channel_is_confirmed_and_closed_before_its_connection() {
    let (published, came, closed) = rabbitmq("closed").await;
    assert_eq!(came as usize, published, "a confirmed message is not in the queue");
    let [channel, connection] = closed;
    assert!(channel.is_some() && channel < connection, "{closed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_opposite_a_dropped_client_loses_its_buffered_messages() {
    for (kind, (published, came)) in [("nats", nats("dropped").await), ("redis", redis("dropped").await)] {
        assert!(came < published, "{kind}: all {published} arrived");
    }
    let (.., [_, connection]) = rabbitmq("dropped").await;
    assert_eq!(connection, None, "the connection was closed in order");
}

/// A client without permission to publish to its inbox gets no response to its last request. Its close fails, and its
/// subscriptions end nevertheless. The component that reads them closes after it.
#[test]
fn a_nats_client_that_gets_no_response_fails_and_its_subscriptions_still_end() {
    let (folder, port) = (tempfile::tempdir().expect("a folder"), free_port());
    let settings = folder.path().join("nats.conf");
    let limited =
        r#"{ user: "limited", password: "secret", permissions: { publish: "nothing", subscribe: ">" } }"#;
    std::fs::write(&settings, format!("authorization {{ users: [{limited}] }}")).expect("written");
    let mut server = Command::new("nats-server");
    server.args(["-a", "127.0.0.1", "-p", &port.to_string(), "-c"]).arg(&settings);
    let _server = Process::start(&mut server);
    let lifecycle = Lifecycle::new("test").grace(LONG).lame_duck(LameDuck::NONE);
    let report = lifecycle.run_to_report(async move |app| {
        let options = ConnectOptions::with_user_and_password("limited".to_owned(), "secret".to_owned());
        let options = options.retry_on_initial_connect().request_timeout(Some(Duration::from_secs(1)));
        let client = options.connect(format!("nats://127.0.0.1:{port}")).await?;
        let mut messages = client.subscribe("news").await?;
        client.flush().await?;
        let over = app.resource("reader", Arc::new(Notify::new()), |over| async move {
            over.notified().await;
            Ok(())
        });
        app.nats("client", client);
        let mut reading = JoinSet::new();
        reading.spawn(async move {
            while messages.next().await.is_some() {}
            over.notify_one();
        });
        reading.detach_all();
        app.stop("enough");
        Ok(())
    });
    let report = report.expect("the lifecycle starts");
    assert!(matches!(outcome(&report, "client"), Some(Outcome::Failed { .. })), "{report:?}");
    assert_eq!(outcome(&report, "reader"), Some(Outcome::Drained), "{report:?}");
}

/// A connection to Redis whose close the test disturbs.
#[derive(Debug)]
struct Disturbed {
    stall: Stall,
    connection: MultiplexedConnection,
    id: u64,
    /// Another connection, without the proxy.
    other: MultiplexedConnection,
}

impl Disturbed {
    async fn connect() -> Self {
        let url = services::redis();
        let stall = Stall::before(&services::address(&url)).await;
        let connect = async |url: &str| {
            let client = redis::Client::open(url).expect("a URL");
            client.get_multiplexed_async_connection().await.expect("Redis answers")
        };
        let mut connection = connect(&services::through(&url, stall.addr)).await;
        let id = redis::cmd("CLIENT").arg("ID").query_async(&mut connection).await.expect("a number");
        Self { stall, connection, id, other: connect(&url).await }
    }

    /// Waits until this many `PING` commands were sent to the server.
    async fn pinged(&self, times: usize) {
        let enough = async {
            while self.stall.sent().windows(4).filter(|four| four == b"PING").count() < times {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(LONG, enough).await.expect("the command was not repeated");
    }

    async fn kill(&mut self) {
        let kill = redis::cmd("CLIENT").arg("KILL").arg("ID").arg(self.id).query_async(&mut self.other).await;
        assert_eq!(kill, Ok(1), "the connection was not found");
    }
}

/// Closes the connection in a separate lifecycle, disturbs the close, and returns its outcome.
async fn closed(mut disturbed: Disturbed, disturb: impl AsyncFnOnce(&mut Disturbed)) -> Option<Outcome> {
    let connection = disturbed.connection.clone();
    disturbed.stall.hold_to_client();
    let closing = tokio::task::spawn_blocking(move || {
        let lifecycle = Lifecycle::new("test").grace(LONG).lame_duck(LameDuck::NONE);
        lifecycle.run_to_report(async move |app| {
            app.redis("client", connection);
            app.stop("enough");
            Ok(())
        })
    });
    disturb(&mut disturbed).await;
    let report = closing.await.expect("no panic").expect("the lifecycle starts");
    outcome(&report, "client")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_server_slower_than_the_response_timeout_is_awaited() {
    let ended = closed(Disturbed::connect().await, async |disturbed| {
        // The first checks whether the connection is lost, the second is the close, and the third repeats it after a timeout.
        disturbed.pinged(3).await;
        disturbed.stall.release();
    });
    assert_eq!(ended.await, Some(Outcome::Drained));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_to_redis_that_was_lost_before_has_nothing_to_close() {
    let mut disturbed = Disturbed::connect().await;
    disturbed.kill().await;
    while redis::cmd("PING").exec_async(&mut disturbed.connection).await.is_ok() {}
    assert_eq!(closed(disturbed, async |_| {}).await, Some(Outcome::Drained));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_opposite_a_connection_to_redis_that_is_lost_while_it_is_closed_is_a_failure() {
    let ended = closed(Disturbed::connect().await, async |disturbed| {
        // The first only checks whether the connection is already lost.
        disturbed.pinged(2).await;
        // Dropping the proxy discards the response that it holds back.
        disturbed.stall = Stall::before(&services::address(&services::redis())).await;
    });
    let ended = ended.await;
    assert!(matches!(ended, Some(Outcome::Failed { .. })), "{ended:?}");
}

fn outcome(report: &Report, component: &str) -> Option<Outcome> {
    let found = report.components.iter().find(|one| one.name == component);
    found.and_then(|one| one.outcome.clone())
}
