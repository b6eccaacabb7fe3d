//! Every request that reaches the server before it closes is served.
//!
//! After the signal the service is not ready, and still serves every request until the clients have polled its readiness.
//!
//! Pipelined requests that were sent before the signal are all answered.
#![expect(clippy::expect_used, reason = "a helper that fails fails its test")]

use std::time::Duration;

use ebbtide_http1::client::Client;
use ebbtide_tests::{ReportFile, Served, service};
use tokio::task::JoinSet;

// Traffic moves away before the listener closes.

const LONG: Duration = Duration::from_secs(20);
/// The polling interval of a balancer. The longest lame duck below covers several polls.
const LOOK: Duration = Duration::from_millis(100);

/// Sends a request on a separate connection. Returns the status, or `None` if the connection was refused.
async fn ask(served: std::net::SocketAddr, path: &str) -> Option<String> {
    let mut client = Client::connect(served).await.ok()?;
    client.get(path).await.expect("the request is sent");
    let answer = client.response().await.expect("an accepted request is answered");
    Some(answer.status.to_string())
}

/// Sends requests, each on a separate connection, and polls the readiness route, until it returns not ready. Returns the
/// numbers of answered and refused requests.
async fn balancer(addr: std::net::SocketAddr) -> (usize, usize) {
    let (mut answered, mut refused) = (0, 0);
    loop {
        let until = tokio::time::sleep(LOOK);
        tokio::pin!(until);
        while tokio::time::timeout(Duration::ZERO, &mut until).await.is_err() {
            match ask(addr, "/ping").await {
                Some(_) => answered += 1,
                None => refused += 1,
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        if ask(addr, "/readyz").await.as_deref() != Some("200") {
            return (answered, refused);
        }
    }
}

/// Stops a server behind four balancers.
async fn stopped(lame_duck: &str) -> (usize, usize) {
    let mut served = Served::shapes(&[], "20s", lame_duck);
    let mut balancers = JoinSet::new();
    for _ in 0..4 {
        balancers.spawn(balancer(served.addr));
    }
    // Between two polls.
    tokio::time::sleep(LOOK * 5 / 2).await;
    served.terminate();
    let sum = balancers.join_all().await.into_iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    served.ended(LONG).await.code(0);
    sum
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_client_that_polls_readiness_is_refused() {
    for lame_duck in ["3s", "1s/1s/8s"] {
        let (answered, refused) = stopped(lame_duck).await;
        assert_eq!(refused, 0, "lame duck of {lame_duck}, {answered} answered");
        assert!(answered > 30, "too little load: {answered}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lame_duck_lasts_for_as_long_as_new_requests_come_and_then_ends() {
    const MOST: Duration = Duration::from_secs(40);
    let report = ReportFile::new();
    let mut shapes = service("shapes");
    shapes.env("EBBTIDE_GRACE", "60s").env("EBBTIDE_LAME_DUCK", "100ms/1500ms/40s");
    let mut served = Served::start(shapes.env("EBBTIDE_REPORT", report.path()));
    served.process.says("phase=ready");
    assert_eq!(ask(served.addr, "/readyz").await.as_deref(), Some("200"));
    served.terminate();
    served.process.says("phase=lame_duck");
    // Far beyond the minimum. Each request comes well within the quiet time after the previous one.
    for _ in 0..30 {
        assert_eq!(ask(served.addr, "/readyz").await.as_deref(), Some("503"), "ready after the signal");
        assert_eq!(ask(served.addr, "/ping").await.as_deref(), Some("200"));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    served.ended(LONG).await.code(0);
    let lasted = report.lame_duck();
    assert!(
        lasted < MOST,
        "it lasted to its maximum, although no request came for the quiet time: {lasted:?}"
    );
}

/// The opposite: without a lame duck the listener closes while clients still send.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_lame_duck_readiness_polling_clients_are_refused() {
    let (answered, refused) = stopped("0s").await;
    assert!(refused > 0, "{answered} answered, none refused");
}

// Pipelined requests.

const CLIENTS: usize = 50;
const BEHIND: usize = 10;

/// A slow request and ten pipelined ones behind it.
fn without_bodies() -> String {
    let slow = "GET /slow?ms=700 HTTP/1.1\r\nHost: test\r\n\r\n";
    let behind = "GET /ping HTTP/1.1\r\nHost: test\r\n\r\n";
    format!("{slow}{}", behind.repeat(BEHIND))
}

/// The same with chunked bodies, all of which end with the same bytes.
fn in_chunks() -> String {
    let chunked = "HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n";
    let behind = format!("POST /upload {chunked}");
    format!("POST /slow?ms=700 {chunked}{}", behind.repeat(BEHIND))
}

/// Stops a server when each client has sent its requests. Returns the number of answered requests.
async fn answered(mut served: Served, requests: &str) -> usize {
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let mut client = Client::connect(served.addr).await.expect("the server accepts");
        client.send(requests.as_bytes()).await.expect("the request is sent");
        clients.push(client);
    }
    // Accepted after the other connections: its response proves that their requests have been read.
    let mut last = Client::connect(served.addr).await.expect("the server accepts");
    last.get("/ping").await.expect("the request is sent");
    last.response().await.expect("an answer");
    served.terminate();
    let mut answered = 0;
    for client in &mut clients {
        while let Ok(answer) = client.response().await {
            assert!(answer.is_ok(), "{answer:?}");
            answered += 1;
            if answer.closes {
                break;
            }
        }
    }
    drop(clients);
    served.ended(LONG).await.code(0);
    answered
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pipelined_requests_are_answered_during_the_lame_duck_and_after_it() {
    for lame_duck in ["0s", "2s"] {
        for requests in [without_bodies(), in_chunks()] {
            let served = Served::shapes(&[], "20s", lame_duck);
            let answered = answered(served, &requests).await;
            assert_eq!(answered, CLIENTS * (1 + BEHIND), "lame duck of {lame_duck}: {requests}");
        }
    }
}

/// The opposite: a plain axum server answers the first request and drops the others, which it has received.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plain_axum_server_drops_pipelined_requests() {
    let answered = answered(Served::peer(), &without_bodies()).await;
    assert!(answered < CLIENTS * (1 + BEHIND), "{answered} were answered");
}
