//! Upgraded connections: HTTP/1 upgrades, and WebSockets over HTTP/2 by extended CONNECT (RFC 8441). Also the upgrade from
//! HTTP/1.1 to HTTP/2, which RFC 9113 §3.1 obsoletes: a server may ignore it.

use std::time::Duration;

use axum::body::Body;
use axum::routing::get;
use bytes::Bytes;
use ebbtide::http::Server;
use http::{Method, Request, Response};
use http_body_util::Empty;
use hyper::ext::Protocol;
use hyper::upgrade::Upgraded;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::support::{Client, LONG, PING, PausedClock, Served, ping, serve, until};

const IDLE_QUIET: Duration = Duration::from_millis(50);

/// Echoes what it receives, in the upgraded protocol.
async fn echo(mut request: Request<Body>) -> Response<Body> {
    let upgrade = hyper::upgrade::on(&mut request);
    let mut task = JoinSet::new();
    task.spawn(async move {
        let (mut read, mut write) = tokio::io::split(TokioIo::new(upgrade.await.unwrap()));
        let _ = tokio::io::copy(&mut read, &mut write).await;
    });
    task.detach_all();
    Response::new(Body::empty())
}

/// Returns a server, the client's end of an upgraded stream, and the task that drives its connection.
async fn tunnel() -> (Served, TokioIo<Upgraded>, JoinSet<hyper::Result<()>>) {
    let router = axum::Router::new().route("/echo", axum::routing::any(echo));
    let served = serve(router, |server: Server<_>| server.idle_quiet(IDLE_QUIET)).await;
    let stream = TcpStream::connect(served.addr).await.unwrap();
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (mut send, conn) = handshake.await.unwrap();
    let mut connection = JoinSet::new();
    connection.spawn(conn);
    let request = || {
        Request::builder()
            .method(Method::CONNECT)
            .uri("http://test/echo")
            .extension(Protocol::from_static("websocket"))
            .body(Empty::<Bytes>::new())
            .unwrap()
    };
    // The server's settings enable it; they may not have arrived yet.
    let mut response = loop {
        match send.send_request(request()).await {
            Ok(response) => break response,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    assert_eq!(response.status(), 200);
    let upgraded = hyper::upgrade::on(&mut response).await.unwrap();
    (served, TokioIo::new(upgraded), connection)
}

async fn echoes(tunnel: &mut TokioIo<Upgraded>) {
    tunnel.write_all(b"ping").await.unwrap();
    let mut back = [0; 4];
    tokio::time::timeout(LONG, tunnel.read_exact(&mut back)).await.expect("an echo").unwrap();
    assert_eq!(&back, b"ping");
}

#[tokio::test]
async fn an_upgraded_stream_is_in_flight_until_it_ends() {
    let clock = PausedClock::new();
    let (mut served, mut tunnel, _connection) = tunnel().await;
    echoes(&mut tunnel).await;
    assert_eq!(served.work.in_flight(), 1);
    assert!(served.work.stragglers()[0].name.starts_with("CONNECT /echo from 127.0.0.1"));
    served.stop();
    served.draining().await;
    for _ in 0..10 {
        clock.advance(IDLE_QUIET).await;
    }
    assert!(served.is_running());
    echoes(&mut tunnel).await;
    tunnel.shutdown().await.unwrap();
    let end = tunnel.read(&mut [0; 1]).await.unwrap();
    assert_eq!(end, 0);
    drop(tunnel);
    served.ended().await;
    assert_eq!((served.work.finished(), served.work.cancelled()), (1, 0));
}

#[tokio::test]
async fn an_upgraded_stream_is_cancelled_and_named_at_the_deadline() {
    let (mut served, mut tunnel, _connection) = tunnel().await;
    echoes(&mut tunnel).await;
    served.stop();
    served.cancelled();
    served.ended().await;
    assert_eq!((served.work.finished(), served.work.cancelled()), (0, 1));
    assert!(served.work.stragglers()[0].name.starts_with("CONNECT /echo from 127.0.0.1"));
    assert!(!matches!(tunnel.read(&mut [0; 1]).await, Ok(1..)));
    until(|| served.work.in_flight() == 0).await;
}

/// Upgrades an HTTP/1 connection to the protocol that the client requests. Echoes up to a `.`, and panics at a `!`.
async fn take_over(mut request: Request<Body>) -> Response<Body> {
    let protocol = request.headers()[http::header::UPGRADE].clone();
    let upgrade = hyper::upgrade::on(&mut request);
    let mut task = JoinSet::new();
    task.spawn(async move {
        let mut stream = TokioIo::new(upgrade.await.unwrap());
        let mut byte = [0];
        while stream.read_exact(&mut byte).await.is_ok() && byte != *b"." {
            assert_ne!(byte, *b"!", "the tunnel's task panics");
            stream.write_all(&byte).await.unwrap();
        }
    });
    task.detach_all();
    let response =
        Response::builder().status(101).header("connection", "upgrade").header("upgrade", protocol);
    response.body(Body::empty()).unwrap()
}

/// Returns a server, and a client whose connection was upgraded to `protocol` and has been used.
async fn taken_over(protocol: &str) -> (Served, Client) {
    let router = axum::Router::new().route("/", get(take_over));
    let served = serve(router, |server: Server<_>| server).await;
    let mut client = Client::connect(served.addr).await.unwrap();
    let head = format!("GET / HTTP/1.1\r\nHost: test\r\nConnection: upgrade\r\nUpgrade: {protocol}\r\n\r\n");
    client.send(head.as_bytes()).await.unwrap();
    client.read_until(b"\r\n\r\n").await.unwrap();
    client.send(b"x").await.unwrap();
    client.read_until(b"x").await.unwrap();
    (served, client)
}

/// A WebSocket ends with a close frame. Other protocols may not detect a truncated stream, so they are reset.
#[tokio::test]
async fn a_cancelled_upgraded_connection_is_reset_unless_it_is_a_websocket() {
    for (protocol, resets) in [("echo", true), ("WebSocket", false)] {
        let (mut served, mut client) = taken_over(protocol).await;
        served.stop();
        served.cancelled();
        assert_eq!(client.rest().await.is_reset(), resets, "{protocol}");
        served.ended().await;
        assert_eq!((served.work.finished(), served.work.cancelled()), (0, 1));
    }
}

#[tokio::test]
async fn an_upgraded_connection_is_reset_when_its_task_panics_and_ends_in_order_when_that_ends() {
    for (last, resets) in [(b"!", true), (b".", false)] {
        let (mut served, mut client) = taken_over("echo").await;
        client.send(last).await.unwrap();
        assert_eq!(client.rest().await.is_reset(), resets, "{last:?}");
        served.stop();
        served.ended().await;
    }
}

/// Responds with 101, and then echoes.
async fn answer_101(mut request: Request<Body>) -> Response<Body> {
    let upgrade = hyper::upgrade::on(&mut request);
    let mut task = JoinSet::new();
    task.spawn(async move {
        let mut io = TokioIo::new(upgrade.await.unwrap());
        let mut buf = [0; 100];
        while let Ok(1..) = io.read(&mut buf).await {
            let _ = io.write_all(b"echo").await;
        }
    });
    task.detach_all();
    let response = Response::builder().status(101).header("connection", "upgrade").header("upgrade", "echo");
    response.body(Body::empty()).unwrap()
}

async fn upgraded(served: &Served) -> Client {
    let mut client = Client::connect(served.addr).await.unwrap();
    client
        .send(b"GET /echo HTTP/1.1\r\nHost: test\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n")
        .await
        .unwrap();
    let answer = client.response().await.unwrap();
    assert!(answer.status == 101);
    client
}

#[tokio::test]
async fn an_upgraded_connection_is_in_flight_until_its_socket_is_dropped() {
    let mut served =
        serve(ping().route("/echo", get(answer_101)), |server| server.idle_quiet(Duration::ZERO)).await;
    let mut client = upgraded(&served).await;
    served.stop();
    served.draining().await;
    assert!(served.is_running());
    client.send(b"hello").await.unwrap();
    let mut reply = [0; 4];
    client.stream.read_exact(&mut reply).await.unwrap();
    assert_eq!(served.work.in_flight(), 1);
    assert!(served.work.stragglers()[0].name.ends_with("(upgraded)"));
    drop(client);
    served.ended().await;
    assert_eq!((served.work.finished(), served.work.cancelled()), (1, 0));
}

#[tokio::test]
async fn an_upgraded_connection_is_cancelled_at_the_deadline() {
    let mut served = serve(ping().route("/echo", get(answer_101)), |server| server).await;
    let mut client = upgraded(&served).await;
    served.stop();
    served.cancelled();
    served.ended().await;
    assert!(client.rest().await.received.is_empty());
    assert_eq!((served.work.finished(), served.work.cancelled(), served.work.in_flight()), (0, 1, 0));
}

const UPGRADE: &str = "GET /ping HTTP/1.1\r\nHost: test\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
    HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n";

#[tokio::test]
async fn an_upgrade_to_http_2_is_answered_whole_over_http_1() {
    let mut served = serve(ping(), |server| server).await;
    let mut client = Client::connect(served.addr).await.unwrap();
    client.send(UPGRADE.as_bytes()).await.unwrap();
    let answer = client.response().await.expect("a response");
    assert!(answer.is_ok() && answer.body == b"pong" && answer.header("upgrade").is_none(), "{answer:?}");
    // The connection continues as HTTP/1.1, and its close is announced like any other.
    client.send(PING).await.unwrap();
    assert!(client.response().await.expect("an answer").is_ok());
    served.announce();
    client.send(UPGRADE.as_bytes()).await.unwrap();
    let answer = client.response().await.expect("a response");
    assert!(answer.is_ok() && answer.body == b"pong" && answer.closes);
    served.stop();
    served.ended().await;
    assert_eq!((served.work.finished(), served.work.cancelled()), (3, 0));
}
