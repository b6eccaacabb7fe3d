//! A handler that never ends is cancelled at the deadline: the process exits in time, names the handler's server, and does not
//! report success.
//!
//! A server that has no free descriptor until the end still closes: requests in flight and connections in the accept queue get
//! a 503 at the deadline.
#![expect(clippy::expect_used, reason = "an unexpected result of a client fails its test")]

use std::fs;
use std::time::Duration;

use ebbtide_http1::client::Client;
use ebbtide_http1::{Response, StreamEnd};
use ebbtide_tests::{Served, service};
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use tokio::task::JoinSet;

// A handler that never ends.

const GRACE: Duration = Duration::from_secs(8);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_never_returns_is_cancelled_and_named_and_others_are_answered() {
    let mut served = Served::shapes(&[], "8s", "0s");
    let mut never = Client::connect(served.addr).await.expect("the server accepts");
    never.get("/never?secret=1").await.expect("the request is sent");
    let mut slow = Client::connect(served.addr).await.expect("the server accepts");
    slow.get("/slow?ms=1000").await.expect("the request is sent");
    served.process.says("asked for /never");
    served.terminate();
    assert_eq!(slow.response().await.expect("a request that finishes in time is answered").body, b"done");
    let ended = served.ended(GRACE).await;
    ended.code(3).said("GET /never").never_said("secret");
    assert!(
        !never.response().await.is_ok_and(|answer| answer.is_ok()),
        "a cancelled request got a complete response"
    );
}

/// The opposite: a plain axum server waits for the handler until it is killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plain_axum_server_outlives_its_grace_period() {
    let mut served = Served::peer();
    let mut never = Client::connect(served.addr).await.expect("the server accepts");
    never.get("/never").await.expect("the request is sent");
    served.process.says("asked for /never");
    served.terminate();
    assert!(served.ended_or_not(GRACE).await.is_none(), "the process exited");
}

// Without a free descriptor.

const EXHAUSTED_GRACE: Duration = Duration::from_secs(6);
const IN_FLIGHT: usize = 20;
const QUEUED: usize = 18;

/// Starts a server with requests in flight, lowers its descriptor limit so that none is free, and fills its accept queue.
async fn exhausted(mode: &str) -> (Served, Vec<Client>) {
    let mut command = service("streams");
    command.arg(mode).env("EBBTIDE_GRACE", "6s").env("EBBTIDE_LAME_DUCK", "0s");
    let served = Served::start(&mut command);
    served.process.says("phase=ready");
    let mut clients = Vec::new();
    for _ in 0..IN_FLIGHT {
        clients.push(asking(&served).await);
    }
    // The queue is first in, first out: this response proves that the others have been accepted.
    let mut last = Client::connect(served.addr).await.expect("a connection");
    last.get("/ping").await.expect("a request");
    last.response().await.expect("an answer");
    limit(&served, lowest_free(&served));
    for _ in 0..QUEUED {
        clients.push(asking(&served).await);
    }
    served.process.says("accept failed; retrying after a pause");
    (served, clients)
}

async fn asking(served: &Served) -> Client {
    let mut client = Client::connect(served.addr).await.expect("a connection");
    client.get("/never").await.expect("a request");
    client
}

fn lowest_free(served: &Served) -> u64 {
    let open = fs::read_dir(format!("/proc/{}/fd", served.process.pid())).expect("the process");
    let open: Vec<u64> = open.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
    (0..).find(|number| !open.contains(number)).expect("a number")
}

/// `accept(2)` fails with EMFILE when the lowest free descriptor is not below the limit.
fn limit(served: &Served, descriptors: u64) {
    let pid = i32::try_from(served.process.pid()).ok().and_then(Pid::from_raw);
    let limit = Rlimit { current: Some(descriptors), maximum: Some(descriptors) };
    prlimit(pid, Resource::Nofile, limit).expect("a limit");
}

/// Reads the responses. Each client disconnects when it has its response, which frees a descriptor.
fn answers(clients: Vec<Client>) -> JoinSet<Result<Response, StreamEnd>> {
    let mut answers = JoinSet::new();
    for mut client in clients {
        answers.spawn(async move { client.response().await });
    }
    answers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_in_flight_and_queued_connections_get_503() {
    let (mut served, clients) = exhausted("ebbtide").await;
    served.terminate();
    let answers = answers(clients).join_all().await;
    let refused =
        |answer: &&Result<Response, StreamEnd>| answer.as_ref().is_ok_and(|answer| answer.status == 503);
    assert_eq!(answers.iter().filter(refused).count(), IN_FLIGHT + QUEUED, "{answers:?}");
    served.ended(Duration::from_secs(20)).await.code(3).within(EXHAUSTED_GRACE).said("GET /never");
}

/// With every request answered, an empty accept queue needs no descriptor to be closed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_queue_is_closed_without_a_descriptor() {
    let (mut served, clients) = exhausted("ebbtide").await;
    let open = || fs::read_dir(format!("/proc/{}/fd", served.process.pid())).map_or(0, Iterator::count);
    let before = open();
    // Last in the queue: its response proves that the others have been accepted.
    let mut last = Client::connect(served.addr).await.expect("a connection");
    last.get("/ping").await.expect("a request");
    drop(clients);
    last.response().await.expect("an answer");
    drop(last);
    let freed = async {
        while open() + IN_FLIGHT > before {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), freed).await.expect("the connections end");
    limit(&served, 1);
    served.terminate();
    served.ended(Duration::from_secs(20)).await.code(0).within(EXHAUSTED_GRACE / 2);
}

/// The opposite: an abrupt close resets the queued connections, and no client gets a response.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_an_abrupt_close_no_request_is_answered() {
    let (mut served, clients) = exhausted("abrupt").await;
    served.terminate();
    let answers = answers(clients).join_all().await;
    assert!(answers.iter().all(Result::is_err), "{answers:?}");
    served.ended(Duration::from_secs(20)).await;
}
