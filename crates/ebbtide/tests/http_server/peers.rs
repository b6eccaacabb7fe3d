//! Peers without progress while the server drains: each is ended after the stall time, and counted as abandoned by its client.
//! Each test has an opposite: slow progress, or a handler that is busy, is not ended.

use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::response::IntoResponse;
use axum::routing::{any, post};
use ebbtide::drain::Stop;
use ebbtide::http::Server;
use http::StatusCode;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;

use crate::frames::{ACK, DATA, END_STREAM, Frames, HEADERS, PING as PING_FRAME};
use crate::stall::is_ended_as_stalled;
use crate::support::{Client, LONG, PING, Served, cause, ping, serve, stop_source, until};

const STALL: Duration = Duration::from_millis(600);
/// The time between two steps of slow progress.
const PAUSE: Duration = Duration::from_millis(60);
/// The number of steps, which take much longer than the stall time.
const STEPS: usize = 30;

fn stalling(server: Server<Router>) -> Server<Router> {
    server.stall_timeout(STALL).header_timeout(LONG).idle_quiet(Duration::from_millis(20))
}

/// `/upload` reads its body and answers with its length; `/busy` reads it and answers when `release` is stopped.
fn uploads(release: Stop) -> Router {
    let upload = async |body: axum::body::Bytes| body.len().to_string();
    let busy = async move |_: axum::body::Bytes| {
        release.stopping().await;
        "busy pong"
    };
    ping().route("/upload", post(upload)).route("/busy", post(busy))
}

/// Waits until the handler has received what was sent.
async fn settled(served: &Served) {
    until(|| served.work.in_flight() == 1).await;
    tokio::time::sleep(PAUSE).await;
}

fn is_finished(served: &Served, finished: u64) {
    let counts = served.work.counts();
    let fates = (counts.finished, counts.cancelled, counts.abandoned, counts.in_flight, counts.unaccounted());
    assert_eq!(fates, (finished, 0, 0, 0, 0));
}

#[tokio::test]
async fn half_a_request_head_does_not_delay_the_shutdown() {
    for half in [&b"G"[..], b"GET / HTTP/1.1\r\nHost", b"PRI * HT"] {
        let mut served = serve(ping(), stalling).await;
        let mut client = Client::connect(served.addr).await.unwrap();
        client.send(half).await.unwrap();
        until(|| served.work.in_flight() == 1).await;
        served.stop();
        served.ended().await;
        is_ended_as_stalled(&served, "half a request head from 127.0.0.1:");
    }
}

/// The opposite: a slow head is not a stall.
#[tokio::test]
async fn a_request_head_that_comes_slowly_is_answered() {
    let mut served = serve(ping(), stalling).await;
    let mut client = Client::connect(served.addr).await.unwrap();
    client.send(&PING[..1]).await.unwrap();
    until(|| served.work.in_flight() == 1).await;
    served.stop();
    for byte in &PING[1..] {
        tokio::time::sleep(PAUSE).await;
        client.send(&[*byte]).await.unwrap();
    }
    assert!(client.response().await.expect("an answer").is_ok());
    served.ended().await;
    is_finished(&served, 1);
}

#[tokio::test]
async fn a_stalled_upload_does_not_delay_the_shutdown() {
    for head in ["Content-Length: 100\r\n\r\nhalf", "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"] {
        let mut served = serve(uploads(Stop::never()), stalling).await;
        let mut client = Client::connect(served.addr).await.unwrap();
        client.send(format!("POST /upload HTTP/1.1\r\nHost: test\r\n{head}").as_bytes()).await.unwrap();
        settled(&served).await;
        served.stop();
        served.ended().await;
        is_ended_as_stalled(&served, "POST /upload from 127.0.0.1:");
    }
}

/// The opposite: a slow upload is not a stall.
#[tokio::test]
async fn an_upload_that_comes_slowly_is_answered() {
    let mut served = serve(uploads(Stop::never()), stalling).await;
    let mut client = Client::connect(served.addr).await.unwrap();
    let head = format!("POST /upload HTTP/1.1\r\nHost: test\r\nContent-Length: {STEPS}\r\n\r\n");
    client.send(head.as_bytes()).await.unwrap();
    until(|| served.work.in_flight() == 1).await;
    served.stop();
    for _ in 0..STEPS {
        tokio::time::sleep(PAUSE).await;
        client.send(b"x").await.unwrap();
    }
    assert_eq!(client.response().await.expect("an answer").body, STEPS.to_string().as_bytes());
    served.ended().await;
    is_finished(&served, 1);
}

/// The opposite: the peer has sent everything, or has not been asked for the body yet.
#[tokio::test]
async fn a_busy_handler_is_not_a_stalled_peer() {
    for rest in ["Content-Length: 4\r\n\r\nbody", "Content-Length: 4\r\nExpect: 100-continue\r\n\r\n"] {
        let release = stop_source();
        let until_released = release.token();
        let lazy = async move |request: Request| {
            until_released.stopping().await;
            drop(request);
            "busy pong"
        };
        let router = uploads(release.token()).route("/lazy", post(lazy));
        let mut served = serve(router, stalling).await;
        let mut client = Client::connect(served.addr).await.unwrap();
        let path = if rest.contains("Expect") { "/lazy" } else { "/busy" };
        client.send(format!("POST {path} HTTP/1.1\r\nHost: test\r\n{rest}").as_bytes()).await.unwrap();
        settled(&served).await;
        served.stop();
        tokio::time::sleep(STALL * 3).await;
        assert!(served.is_running());
        release.stop(cause(), None);
        assert_eq!(client.response().await.expect("an answer").body, b"busy pong");
        served.ended().await;
        is_finished(&served, 1);
    }
}

/// Acknowledges PINGs, as every live peer does, until the connection ends.
async fn live(mut frames: Frames) {
    while let Some(frame) = frames.next().await {
        if frame.kind == PING_FRAME && frame.flags == 0 {
            frames.send(PING_FRAME, ACK, 0, &frame.payload).await;
        }
    }
}

#[tokio::test]
async fn a_stalled_http_2_upload_does_not_delay_the_shutdown() {
    let mut served = serve(uploads(Stop::never()), stalling).await;
    let mut frames = Frames::connect(served.addr, 65_535).await;
    frames.post(1, "/upload").await;
    frames.send(DATA, 0, 1, b"half").await;
    settled(&served).await;
    served.stop();
    live(frames).await;
    served.ended().await;
    is_ended_as_stalled(&served, "POST /upload from 127.0.0.1:");
}

/// The opposite: a slow upload is not a stall.
#[tokio::test]
async fn an_http_2_upload_that_comes_slowly_is_answered() {
    let mut served = serve(uploads(Stop::never()), stalling).await;
    let mut frames = Frames::connect(served.addr, 65_535).await;
    frames.post(1, "/upload").await;
    until(|| served.work.in_flight() == 1).await;
    served.stop();
    let ping = frames.next_of(&[PING_FRAME]).await.expect("PING");
    frames.send(PING_FRAME, ACK, 0, &ping.payload).await;
    for step in 1..=STEPS {
        tokio::time::sleep(PAUSE).await;
        frames.send(DATA, if step == STEPS { END_STREAM } else { 0 }, 1, b"x").await;
    }
    assert_eq!(frames.body(1).await.expect("an answer"), STEPS.to_string().as_bytes());
    served.ended().await;
    is_finished(&served, 1);
}

/// The opposite: one stream's peer has sent everything; beside it another stream stalls.
#[tokio::test]
async fn a_busy_http_2_handler_is_not_a_stalled_peer() {
    let release = stop_source();
    let mut served = serve(uploads(release.token()), stalling).await;
    let mut frames = Frames::connect(served.addr, 65_535).await;
    frames.post(1, "/busy").await;
    frames.send(DATA, END_STREAM, 1, b"body").await;
    frames.post(3, "/upload").await;
    until(|| served.work.in_flight() == 2).await;
    served.stop();
    let ping = frames.next_of(&[PING_FRAME]).await.expect("PING");
    frames.send(PING_FRAME, ACK, 0, &ping.payload).await;
    tokio::time::sleep(STALL * 3).await;
    assert!(served.is_running());
    assert_eq!(served.work.in_flight(), 2);
    release.stop(cause(), None);
    assert_eq!(frames.body(1).await.expect("an answer"), b"busy pong");
    live(frames).await;
    served.ended().await;
    let counts = served.work.counts();
    assert_eq!((counts.finished, counts.abandoned, counts.cancelled, counts.unaccounted()), (1, 1, 0, 0));
}

#[tokio::test]
async fn an_http_2_stream_without_a_window_for_a_small_body_does_not_delay_the_shutdown() {
    let mut served = serve(ping(), stalling).await;
    let mut frames = Frames::connect(served.addr, 0).await;
    frames.get(1, "/ping").await;
    assert_eq!(frames.next_of(&[HEADERS]).await.expect("a head").stream, 1);
    served.stop();
    live(frames).await;
    served.ended().await;
    is_ended_as_stalled(&served, "GET /ping from 127.0.0.1:");
}

/// The opposite: a window that opens late is not a stall.
#[tokio::test]
async fn an_http_2_stream_whose_window_opens_late_gets_its_small_body() {
    let mut served = serve(ping(), stalling).await;
    let mut frames = Frames::connect(served.addr, 0).await;
    frames.get(1, "/ping").await;
    assert_eq!(frames.next_of(&[HEADERS]).await.expect("a head").stream, 1);
    served.stop();
    let ping = frames.next_of(&[PING_FRAME]).await.expect("PING");
    frames.send(PING_FRAME, ACK, 0, &ping.payload).await;
    for _ in b"pong" {
        tokio::time::sleep(STALL / 2).await;
        frames.allow(1, 1).await;
    }
    assert_eq!(frames.body(1).await.expect("an answer"), b"pong");
    served.ended().await;
    is_finished(&served, 1);
}

/// Upgrades to a WebSocket that sends a close frame when the token is stopped, and waits for the peer's or for the end of the
/// stream.
fn websocket(stop: Stop) -> Router {
    let upgrade = async move |mut request: Request| {
        let upgraded = hyper::upgrade::on(&mut request);
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut socket = TokioIo::new(upgraded.await.unwrap());
            stop.stopping().await;
            socket.write_all(b"\x88\x02\x03\xe9").await.unwrap();
            let mut read = Vec::new();
            while !read.contains(&0x88) && socket.read_buf(&mut read).await.is_ok_and(|read| read > 0) {}
        });
        task.detach_all();
        (StatusCode::SWITCHING_PROTOCOLS, [("connection", "upgrade"), ("upgrade", "websocket")])
            .into_response()
    };
    ping().route("/socket", any(upgrade))
}

/// Returns a client that has read the server's close frame, after the server has begun to stop.
async fn closed_by_server() -> (Served, Client) {
    let closes = stop_source();
    let mut served = serve(websocket(closes.token()), stalling).await;
    let mut client = Client::connect(served.addr).await.unwrap();
    let upgrade = b"GET /socket HTTP/1.1\r\nHost: test\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
    client.send(upgrade).await.unwrap();
    client.read_until(b"\r\n\r\n").await.unwrap();
    served.stop();
    // A silent peer is allowed until the server sends its close frame.
    tokio::time::sleep(STALL * 2).await;
    assert!(served.is_running() && served.work.in_flight() == 1);
    closes.stop(cause(), None);
    client.read_until(b"\x88\x02\x03\xe9").await.unwrap();
    (served, client)
}

#[tokio::test]
async fn a_websocket_that_never_answers_the_close_frame_does_not_delay_the_shutdown() {
    let (mut served, _client) = closed_by_server().await;
    served.ended().await;
    is_ended_as_stalled(&served, "GET /socket from 127.0.0.1:");
}

/// The opposite: the peer sends remaining messages first, and then its close frame.
#[tokio::test]
async fn a_websocket_that_answers_the_close_frame_late_is_finished() {
    let (mut served, mut client) = closed_by_server().await;
    for _ in 0..STEPS {
        tokio::time::sleep(PAUSE).await;
        client.send(b"\x81\x82\0\0\0\0hi").await.unwrap();
    }
    client.send(b"\x88\x82\0\0\0\0\x03\xe9").await.unwrap();
    served.ended().await;
    is_finished(&served, 1);
}

/// With a stall time that exceeds the time left, the peer would delay the shutdown until its deadline.
#[tokio::test]
async fn the_stall_time_is_limited_by_the_time_left() {
    let mut served = serve(uploads(Stop::never()), |server| server).await;
    let mut client = Client::connect(served.addr).await.unwrap();
    client.send(b"POST /upload HTTP/1.1\r\nHost: test\r\nContent-Length: 9\r\n\r\nhalf").await.unwrap();
    settled(&served).await;
    served.stop_within(STALL);
    served.ended().await; // before the deadline
    is_ended_as_stalled(&served, "POST /upload from 127.0.0.1:");
}
