//! A subscriber that is blocked in a read is woken by the stop, does not delay the shutdown, and loses nothing: Redis pub/sub,
//! `BLPOP`, PostgreSQL's `LISTEN`.
#![expect(clippy::expect_used, reason = "a helper that fails fails its test")]

use std::time::Duration;

use ebbtide_demo::queue::QueueKind;
use ebbtide_tests::brokers::Broker;
use ebbtide_tests::{Ended, Process, Stall, service, services};
use redis::aio::MultiplexedConnection;
use rustix::process::Signal;
use sqlx::PgPool;

const LONG: Duration = Duration::from_secs(20);

fn start(kind: &str, url: &str, name: &str, how: &str) -> Process {
    start_within("20s", kind, url, name, how)
}

fn start_within(grace: &str, kind: &str, url: &str, name: &str, how: &str) -> Process {
    let mut command = service("subscribes");
    let process = Process::start(command.args([kind, url, name, how]).env("EBBTIDE_GRACE", grace));
    process.says("phase=ready");
    process
}

fn stop(mut process: Process) -> Ended {
    process.signal(Signal::TERM);
    tokio::task::block_in_place(|| process.ended(LONG)).expect("the process does not exit")
}

async fn redis(url: &str) -> MultiplexedConnection {
    let client = redis::Client::open(url).expect("a URL");
    client.get_multiplexed_async_connection().await.expect("Redis answers")
}

/// Sends one message to the client that is blocked in a read of this kind.
async fn send(kind: &str, url: &str, name: &str, text: &str) {
    match kind {
        "notify" => {
            let pool = PgPool::connect(url).await.expect("PostgreSQL answers");
            let notify = sqlx::query("SELECT pg_notify($1, $2)").bind(name).bind(text);
            notify.execute(&pool).await.expect("notified");
        }
        kind => {
            let command = if kind == "publish" { "PUBLISH" } else { "RPUSH" };
            let send = redis::cmd(command).arg(name).arg(text).exec_async(&mut redis(url).await).await;
            send.expect("sent");
        }
    }
}

fn url(kind: &str) -> String {
    if kind == "notify" { services::postgres() } else { services::redis() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_that_blocks_is_woken_by_the_stop() {
    for kind in ["publish", "pop", "notify"] {
        let (name, url) = (services::unique(kind), url(kind));
        let process = start(kind, &url, &name, "ours");
        // The message arrives, so the client reads. From then on it is blocked.
        send(kind, &url, &name, "hello").await;
        process.says("got hello");
        // A read that delayed the shutdown would be cancelled at its deadline: code 3.
        stop(process).code(0).said("closed store");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_opposite_a_read_that_ignores_the_stop_is_cancelled_at_the_deadline_and_named() {
    for kind in ["publish", "notify"] {
        let name = services::unique(kind);
        let process = start_within("4s", kind, &url(kind), &name, "by-hand");
        let ended = stop(process);
        ended.code(3).said("subscriber (cancelled)").said("closed store");
    }
}

/// Stops a service while a response to `BLPOP` is in transit. Returns its outcome and the number of elements left in the list.
async fn stopped_amidst_an_answer(url: &str, how: &str, before: impl AsyncFnOnce()) -> (Ended, u64) {
    let list = services::unique("pop");
    let stall = Stall::before(&services::address(url)).await;
    let mut process = start("pop", &services::through(url, stall.addr), &list, how);
    send("pop", url, &list, "first").await;
    process.says("got first");
    before().await;
    stall.hold_to_client();
    send("pop", url, &list, "second").await;
    // The server has popped the element, and the response is in transit.
    let mut length = redis::cmd("LLEN");
    length.arg(&list);
    while length.query_async::<u64>(&mut redis(url).await).await.expect("a number") > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    process.signal(Signal::TERM);
    if how == "ours" {
        // The read has received the stop: it opens a second connection to unblock itself.
        stall.opened(2).await;
    } else {
        // The stop has dropped the read, and the resources are closed.
        process.says("closed store");
    }
    stall.release();
    let ended = tokio::task::block_in_place(|| process.ended(LONG)).expect("the process does not exit");
    let left = length.query_async(&mut redis(url).await).await.expect("a number");
    (ended, left)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_element_popped_by_the_server_is_not_lost() {
    let (ended, left) = stopped_amidst_an_answer(&services::redis(), "ours", async || {}).await;
    ended.code(0).said("got second").said("closed store");
    assert_eq!(left, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_opposite_a_dropped_read_loses_the_element_in_transit() {
    let (ended, left) = stopped_amidst_an_answer(&services::redis(), "by-hand", async || {}).await;
    ended.code(0).never_said("got second");
    assert_eq!(left, 0, "the element is still in the list");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_element_is_lost_over_many_stops_amidst_a_stream_of_them() {
    let list = services::unique("pop");
    let mut redis = redis(&services::redis()).await;
    let (mut pushed, mut got) = (0_u64, 0);
    for round in 0..20_u64 {
        let mut process = start("pop", &services::redis(), &list, "ours");
        for n in 0..200 {
            redis::cmd("RPUSH").arg(&list).arg(n).exec_async(&mut redis).await.expect("pushed");
            pushed += 1;
            if n == 50 + round * 5 {
                process.signal(Signal::TERM);
            }
        }
        // It has received its signal. A second one would terminate it at once, possibly with an element in process.
        let ended = tokio::task::block_in_place(|| process.ended(LONG)).expect("the process does not exit");
        got += ended.code(0).output.matches("got ").count() as u64;
    }
    let left: u64 = redis::cmd("LLEN").arg(&list).query_async(&mut redis).await.expect("a number");
    redis::cmd("DEL").arg(&list).exec_async(&mut redis).await.expect("removed");
    assert_eq!(got + left, pushed);
    assert!(left > 0, "no process was stopped while elements were left");
}

/// Returns the ids of the other clients, and whether they are blocked.
async fn clients(redis: &mut MultiplexedConnection) -> Vec<(u64, bool)> {
    let ours: u64 = redis::cmd("CLIENT").arg("ID").query_async(redis).await.expect("a number");
    let list: String = redis::cmd("CLIENT").arg("LIST").query_async(redis).await.expect("a list");
    let field = |client: &str, name: &str| {
        let mut values = client.split(' ').filter_map(|field| field.strip_prefix(name)?.strip_prefix('='));
        values.next().map(str::to_owned)
    };
    let clients = list.lines().filter_map(|client| {
        let id = field(client, "id")?.parse().ok()?;
        Some((id, field(client, "flags")? == "b"))
    });
    clients.filter(|(id, _)| *id != ours).collect()
}

/// Waits until the clients match the condition.
async fn until(redis: &mut MultiplexedConnection, wanted: impl Fn(&[(u64, bool)]) -> bool) {
    while !wanted(&clients(redis).await) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Kills this many clients that are not blocked, one after the other.
async fn kill_idle(redis: &mut MultiplexedConnection, mut count: u64) {
    while count > 0 {
        for (id, _) in clients(redis).await.into_iter().filter(|(_, blocked)| !blocked) {
            let mut kill = redis::cmd("CLIENT");
            // The client may have disconnected by itself.
            let killed = kill.arg("KILL").arg("ID").arg(id).query_async::<u64>(redis).await;
            count = count.saturating_sub(killed.expect("a number"));
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

async fn own_redis() -> (Broker, String, MultiplexedConnection) {
    let broker = tokio::task::block_in_place(|| Broker::start(QueueKind::Redis));
    let url = broker.url();
    let connection = redis(&url).await;
    (broker, url, connection)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_closes_idle_connections_loses_no_element_at_the_shutdown() {
    let (_broker, url, mut redis) = own_redis().await;
    redis::cmd("CONFIG").arg(&["SET", "timeout", "1"]).exec_async(&mut redis).await.expect("it may be set");
    let all_idle_are_gone = async || until(&mut redis, |them| them.iter().all(|(_, blocked)| *blocked)).await;
    let (ended, left) = stopped_amidst_an_answer(&url, "ours", all_idle_are_gone).await;
    ended.code(0).said("got second").said("closed store");
    assert_eq!(left, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_is_ended_although_the_connection_that_should_end_it_is_killed() {
    let (_broker, url, mut redis) = own_redis().await;
    let (list, stall) = (services::unique("pop"), Stall::before(&services::address(&url)).await);
    let mut process = start("pop", &services::through(&url, stall.addr), &list, "ours");
    send("pop", &url, &list, "first").await;
    process.says("got first");
    until(&mut redis, |them| them.iter().any(|(_, blocked)| *blocked)).await;
    stall.hold_to_server();
    process.signal(Signal::TERM);
    process.says("SIGTERM received");
    // Twice, so that the connection was opened again in between.
    let killed = tokio::time::timeout(LONG, kill_idle(&mut redis, 2)).await;
    killed.expect("no client to kill");
    stall.release();
    let ended = tokio::task::block_in_place(|| process.ended(LONG)).expect("the process does not exit");
    ended.code(0).said("closed store");
}
