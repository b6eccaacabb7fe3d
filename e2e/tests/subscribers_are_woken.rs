//! A subscriber that is blocked in a read is woken by the stop and never holds it, and loses nothing by that: Redis pub/sub,
//! `BLPOP`, PostgreSQL's `LISTEN`.
#![expect(clippy::expect_used, reason = "a helper that fails fails its test")]

use std::process::Command;
use std::time::Duration;

use ebbtide_e2e::{Ended, Process, Stall, services};
use redis::aio::MultiplexedConnection;
use rustix::process::Signal;
use sqlx::PgPool;

const LONG: Duration = Duration::from_secs(20);

fn start(kind: &str, url: &str, name: &str, how: &str) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_subscribes"));
    let process = Process::start(command.args([kind, url, name, how]).env("EBBTIDE_GRACE", "2s"));
    process.says("phase=ready");
    process
}

fn stop(mut process: Process) -> Ended {
    process.signal(Signal::TERM);
    tokio::task::block_in_place(|| process.ended(LONG)).expect("it does not end")
}

async fn redis() -> MultiplexedConnection {
    let client = redis::Client::open(services::redis()).expect("a URL");
    client.get_multiplexed_async_connection().await.expect("Redis answers")
}

/// Sends one message to whoever is blocked in a read of this kind.
async fn send(kind: &str, name: &str, text: &str) {
    match kind {
        "notify" => {
            let pool = PgPool::connect(&services::postgres()).await.expect("PostgreSQL answers");
            let notify = sqlx::query("SELECT pg_notify($1, $2)").bind(name).bind(text);
            notify.execute(&pool).await.expect("notified");
        }
        kind => {
            let command = if kind == "publish" { "PUBLISH" } else { "RPUSH" };
            let send = redis::cmd(command).arg(name).arg(text).exec_async(&mut redis().await).await;
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
        let name = services::unique(kind);
        let process = start(kind, &url(kind), &name, "ours");
        // It reads: what is sent comes. From then on it is blocked.
        send(kind, &name, "hello").await;
        process.says("got hello");
        stop(process).code(0).within(Duration::from_millis(500)).said("closed store");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_opposite_a_read_that_does_not_listen_is_cut_when_its_time_is_up_and_named() {
    for kind in ["publish", "notify"] {
        let name = services::unique(kind);
        let process = start(kind, &url(kind), &name, "by-hand");
        let ended = stop(process);
        ended.code(3).said("subscriber (cut)").said("closed store");
        assert!(ended.after > Duration::from_millis(500), "it was held");
    }
}

/// Stops a service whose answer to `BLPOP` is under way; returns what it said, and how many elements are left in the list.
async fn stopped_amidst_an_answer(how: &str) -> (Ended, u64) {
    let (list, url) = (services::unique("pop"), services::redis());
    let stall = Stall::before(&services::address(&url)).await;
    let mut process = start("pop", &services::through(&url, stall.addr), &list, how);
    send("pop", &list, "first").await;
    process.says("got first");
    stall.hold_to_client();
    send("pop", &list, "second").await;
    // The server has taken it out of the list, and its answer is on the way.
    let mut redis = redis().await;
    let mut length = redis::cmd("LLEN");
    length.arg(&list);
    while length.query_async::<u64>(&mut redis).await.expect("a number") > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    process.signal(Signal::TERM);
    process.says("SIGTERM: stopping");
    tokio::time::sleep(Duration::from_millis(200)).await;
    stall.release();
    let ended = tokio::task::block_in_place(|| process.ended(LONG)).expect("it does not end");
    let left = length.query_async(&mut redis).await.expect("a number");
    (ended, left)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_element_that_the_server_has_taken_is_not_lost() {
    let (ended, left) = stopped_amidst_an_answer("ours").await;
    ended.code(0).said("got second").said("closed store");
    assert_eq!(left, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_opposite_a_read_that_is_dropped_loses_the_element_that_was_on_its_way() {
    let (ended, left) = stopped_amidst_an_answer("by-hand").await;
    ended.code(0).never_said("got second");
    assert_eq!(left, 0, "it is nowhere");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_element_is_lost_over_many_stops_amidst_a_stream_of_them() {
    let list = services::unique("pop");
    let mut redis = redis().await;
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
        // It has had its signal: a second one would end it at once, with an element in its hand.
        let ended = tokio::task::block_in_place(|| process.ended(LONG)).expect("it does not end");
        got += ended.code(0).output.matches("got ").count() as u64;
    }
    let left: u64 = redis::cmd("LLEN").arg(&list).query_async(&mut redis).await.expect("a number");
    redis::cmd("DEL").arg(&list).exec_async(&mut redis).await.expect("removed");
    assert_eq!(got + left, pushed);
    assert!(left > 0, "each was stopped in the midst");
}
