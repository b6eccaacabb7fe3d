//! HTTP/2 with prior knowledge, and connections that become something else.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use axum::routing::get;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::support::{Client, LONG, PausedClock, Served, cause, ping, serve, slow, stop_source, until};

pub(crate) type Sender = hyper::client::conn::http2::SendRequest<Empty<Bytes>>;

pub(crate) async fn http2(served: &Served) -> (Sender, JoinSet<hyper::Result<()>>) {
    let io = TokioIo::new(TcpStream::connect(served.addr).await.unwrap());
    let (sender, conn) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
    let mut driver = JoinSet::new();
    driver.spawn(conn);
    (sender, driver)
}

async fn ask(mut sender: Sender, path: &str) -> hyper::Result<Bytes> {
    let request = http::Request::get(format!("http://test{path}")).body(Empty::new()).unwrap();
    Ok(sender.send_request(request).await?.into_body().collect().await?.to_bytes())
}

#[tokio::test]
async fn http_2_streams_in_flight_at_the_stop_finish() {
    let release = stop_source();
    let mut served = serve(slow(release.token()), |server| server).await;
    let (sender, mut driver) = http2(&served).await;
    assert_eq!(ask(sender.clone(), "/ping").await.unwrap(), "pong");
    let mut streams = JoinSet::new();
    for _ in 0..10 {
        streams.spawn(ask(sender.clone(), "/slow"));
    }
    until(|| served.work.in_flight() == 10).await;
    assert!(served.work.stragglers()[0].name.starts_with("GET /slow from 127.0.0.1:"));
    served.stop();
    served.draining().await;
    assert!(served.is_running());
    release.stop(cause(), None);
    for answer in streams.join_all().await {
        assert_eq!(answer.unwrap(), "slow pong");
    }
    served.ended().await;
    assert_eq!((served.work.finished(), served.work.cut()), (11, 0));
    driver.join_next().await.unwrap().unwrap().unwrap();
}

/// The preface ends like a request's head, and more follows it: none of that is the beginning of a further request.
#[tokio::test]
async fn an_http_2_connection_is_idle_behind_its_first_request_and_every_other() {
    let clock = PausedClock::new();
    let limit = Duration::from_secs(10);
    let mut served = serve(ping(), |server| server.header_timeout(limit)).await;
    let (sender, _driver) = http2(&served).await;
    for count in 1..=3 {
        assert_eq!(ask(sender.clone(), "/ping").await.unwrap(), "pong");
        until(|| served.work.finished() == count).await;
        assert_eq!(served.work.in_flight(), 0, "after {count}");
        clock.advance(2 * limit).await;
    }
    drop(sender);
    served.stop();
    served.ended().await;
}

#[tokio::test]
async fn an_http_2_peer_that_went_silent_does_not_hold_the_stop() {
    let clock = PausedClock::new();
    let quiet = Duration::from_secs(10);
    let mut served = serve(ping(), |server| server.idle_quiet(quiet)).await;
    let mut stream = TcpStream::connect(served.addr).await.unwrap();
    // The preface and empty settings, and then nothing: no PING is answered.
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut settings = [0; 9];
    stream.read_exact(&mut settings).await.unwrap();
    served.stop();
    served.draining().await;
    clock.advance_to_before(quiet).await;
    assert!(served.is_running(), "before the limit");
    clock.advance_past().await;
    served.ended().await;
}

#[tokio::test]
async fn half_an_http_2_preface_is_half_a_head() {
    let clock = PausedClock::new();
    let limit = Duration::from_secs(10);
    let mut served = serve(ping(), |server| server.header_timeout(limit)).await;
    let mut client = Client::connect(served.addr).await.unwrap();
    client.send(b"PRI * HTTP/2.0\r\n\r\nSM").await.unwrap();
    until(|| served.work.in_flight() == 1).await;
    clock.advance_to_before(limit).await;
    assert!(!client.is_closed(), "before the limit");
    clock.advance_past().await;
    assert!(client.rest().await.0.is_empty());
    served.stop();
    served.ended().await;
}

#[tokio::test]
async fn http_2_streams_are_cut_counted_and_named() {
    let never = stop_source();
    let mut served = serve(slow(never.token()), |server| server.refusal_time(LONG)).await;
    let (sender, _driver) = http2(&served).await;
    let mut streams = JoinSet::new();
    streams.spawn(ask(sender.clone(), "/slow"));
    until(|| served.work.in_flight() == 1).await;
    served.stop();
    served.cut();
    served.ended().await;
    assert!(streams.join_all().await.remove(0).unwrap().is_empty(), "503 has no body");
    assert_eq!((served.work.in_flight(), served.work.cut()), (0, 1));
}

/// Answers 101, and then sends back what comes.
async fn echo(mut request: Request) -> Response {
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
    let answer = client.answer_to(true).await.unwrap();
    assert!(answer.head.starts_with("http/1.1 101"));
    client
}

#[tokio::test]
async fn an_upgraded_connection_is_in_flight_until_its_socket_is_dropped() {
    let mut served =
        serve(ping().route("/echo", get(echo)), |server| server.idle_quiet(Duration::ZERO)).await;
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
    assert_eq!((served.work.finished(), served.work.cut()), (1, 0));
}

#[tokio::test]
async fn an_upgraded_connection_is_cut_at_the_end() {
    let mut served = serve(ping().route("/echo", get(echo)), |server| server).await;
    let mut client = upgraded(&served).await;
    served.stop();
    served.cut();
    served.ended().await;
    assert!(client.rest().await.0.is_empty());
    assert_eq!((served.work.finished(), served.work.cut(), served.work.in_flight()), (0, 1, 0));
}
