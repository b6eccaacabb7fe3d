//! Requests in flight at the deadline are answered with 503, or with the status UNAVAILABLE over gRPC.
#![expect(clippy::expect_used, reason = "an unexpected result of a client fails its test")]

use std::time::Duration;

use bytes::Bytes;
use ebbtide_http1::client::Client;
use ebbtide_tests::{Served, service};
use http::HeaderMap;
use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const CLIENTS: usize = 32;
const GRACE: Duration = Duration::from_secs(3);

fn start(mode: &str) -> Served {
    let mut command = service("streams");
    command.arg(mode).env("EBBTIDE_GRACE", "3s").env("EBBTIDE_LAME_DUCK", "0s");
    let served = Served::start(&mut command);
    if mode != "axum" {
        served.process.says("phase=ready");
    }
    served
}

/// Returns clients that wait for a response that never comes. Every second client has pipelined another request.
async fn waiting(served: &Served) -> Vec<Client> {
    let mut clients = Vec::new();
    for each in 0..CLIENTS {
        let mut client = Client::connect(served.addr).await.expect("the server accepts");
        for _ in 0..=each % 2 {
            client.get("/never?secret").await.expect("the request is sent");
        }
        clients.push(client);
    }
    served.process.says_times("asked for /never", CLIENTS);
    clients
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_request_in_flight_at_the_deadline_gets_503() {
    let mut served = start("ebbtide");
    let clients = waiting(&served).await;
    served.terminate();
    for (each, mut client) in clients.into_iter().enumerate() {
        for _ in 0..=each % 2 {
            let answer = client.response().await.expect("an answer");
            assert!(answer.status == 503, "{answer:?}");
            assert!(answer.closes || each % 2 == 1, "{answer:?}");
        }
        let rest = client.rest().await;
        assert!(rest.received.is_empty() && rest.is_eof(), "{rest:?}");
    }
    let ended = served.ended(Duration::from_secs(20)).await;
    ended.code(3).within(GRACE).said("GET /never").never_said("secret");
    ended.said(&format!("cancelled={}", CLIENTS + CLIENTS / 2));
}

/// The opposite: without the mechanism the connections are closed without a response.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_an_abrupt_close_requests_get_no_response() {
    let mut served = start("abrupt");
    let clients = waiting(&served).await;
    served.terminate();
    for mut client in clients {
        assert!(client.rest().await.received.is_empty());
    }
    served.ended(Duration::from_secs(20)).await.code(3).within(GRACE);
}

/// The opposite with `axum::serve`: it has no deadline, and no request is answered when it is killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_the_end_of_its_grace_period_axums_server_answers_no_request() {
    let mut served = start("axum");
    let clients = waiting(&served).await;
    served.terminate();
    assert!(served.ended_or_not(GRACE).await.is_none(), "the process exited");
    served.process.signal(rustix::process::Signal::KILL);
    for mut client in clients {
        assert!(client.rest().await.received.is_empty());
    }
}

/// Calls a route as a gRPC client does. Returns the head and the trailers if the response is complete.
async fn call(addr: std::net::SocketAddr, path: &'static str) -> Option<(HeaderMap, Option<HeaderMap>)> {
    let stream = TcpStream::connect(addr).await.expect("the server accepts");
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.expect("an HTTP/2 connection");
    let mut driver = JoinSet::new();
    driver.spawn(connection);
    let request = http::Request::post(format!("http://test{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Empty::<Bytes>::new())
        .expect("a request");
    let (head, body) = sender.send_request(request).await.ok()?.into_parts();
    assert_eq!(head.status, http::StatusCode::OK);
    Some((head.headers, body.collect().await.ok()?.trailers().cloned()))
}

async fn calls(served: &Served) -> JoinSet<(&'static str, Option<(HeaderMap, Option<HeaderMap>)>)> {
    let mut calls = JoinSet::new();
    for each in 0..CLIENTS {
        let (addr, path) = (served.addr, ["/never", "/grpc"][each % 2]);
        calls.spawn(async move { (path, call(addr, path).await) });
    }
    for path in ["/never", "/grpc"] {
        served.process.says_times(&format!("asked for {path}"), CLIENTS / 2);
    }
    calls
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_grpc_call_in_flight_at_the_deadline_gets_unavailable() {
    let mut served = start("ebbtide");
    let calls = calls(&served).await;
    served.terminate();
    for (path, seen) in calls.join_all().await {
        let (head, trailers) = seen.expect("a complete response");
        let status = if path == "/never" { Some(head) } else { trailers };
        assert_eq!(status.expect("a status")["grpc-status"], "14", "{path}");
    }
    let ended = served.ended(Duration::from_secs(20)).await;
    ended.code(3).within(GRACE).said(&format!("cancelled={CLIENTS}"));
}

/// The opposite: with an abrupt close, every call is a transport error.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_an_abrupt_close_every_grpc_call_is_a_transport_error() {
    let mut served = start("abrupt");
    let calls = calls(&served).await;
    served.terminate();
    for (path, seen) in calls.join_all().await {
        assert!(seen.is_none(), "{path}: {seen:?}");
    }
    served.ended(Duration::from_secs(20)).await.code(3).within(GRACE);
}
