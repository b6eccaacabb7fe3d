//! Server-sent events end between two events, when the lame duck is over, and send a retry time; they do not delay the shutdown.
//!
//! WebSockets get a close frame and the time to answer it. Their earlier messages are read. A client that never answers is
//! cancelled and named.
#![expect(clippy::expect_used, reason = "an unexpected result of a client fails its test")]

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use ebbtide_http1::client::Client;
use ebbtide_http1::{Response, StreamEnd};
use ebbtide_tests::{Ended, Served, service, streaming};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;

// Event streams.

const LISTENERS: usize = 48;
const STREAMS_GRACE: Duration = Duration::from_secs(6);

fn start_streams(mode: &str) -> Served {
    let mut command = service("streams");
    command.arg(mode).env("EBBTIDE_GRACE", "6s").env("EBBTIDE_LAME_DUCK", "300ms");
    let served = Served::start(&mut command);
    if mode != "axum" {
        served.process.says("phase=ready");
    }
    served
}

/// Requests a stream over HTTP/1.0, where the close of the connection ends the body, so that only a reset marks it incomplete.
async fn listen(client: &mut Client, path: &str) {
    client.send(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).await.expect("the request is sent");
    client.first_bytes().await.expect("first bytes");
}

/// Stops a server with many listening clients, at a time that differs from stop to stop.
async fn stop_under_listeners(
    mode: &str,
    path: &'static str,
    moment: u64,
) -> (Served, JoinSet<Result<Response, StreamEnd>>) {
    let served = start_streams(mode);
    let mut clients = JoinSet::new();
    for _ in 0..LISTENERS {
        let mut client = Client::connect(served.addr).await.expect("the server accepts");
        listen(&mut client, path).await;
        clients.spawn(async move { client.response().await });
    }
    tokio::time::sleep(Duration::from_micros(700 * moment)).await;
    served.terminate();
    (served, clients)
}

/// Returns the retry time at the end, if the body consists of whole events.
fn wait_of(body: &str) -> Option<u64> {
    let (events, wait) = body.rsplit_once("retry: ")?;
    let whole = events.split_inclusive("\n\n").all(|event| event == "event: tick\ndata: one event\n\n");
    wait.strip_suffix("\n\n").filter(|_| whole)?.parse().ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_event_stream_ends_with_a_whole_event_and_a_retry_time() {
    for moment in 0..8 {
        let (mut served, clients) = stop_under_listeners("ebbtide", "/events", moment).await;
        // Streams that delayed the shutdown would be cancelled at its deadline: code 3.
        served.ended(Duration::from_secs(20)).await.code(0);
        let mut waits = BTreeSet::new();
        for seen in clients.join_all().await {
            let body = seen.expect("the stream ends in order");
            let body = body.text();
            waits.insert(wait_of(&body).expect("whole events and a retry time"));
        }
        let between = streaming::LEAST_WAIT.as_millis() as u64..=streaming::LONGEST_WAIT.as_millis() as u64;
        assert!(waits.iter().all(|wait| between.contains(wait)), "{waits:?}");
        assert!(waits.len() > LISTENERS / 2, "too few different retry times: {waits:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_is_silent_between_two_events_ends_too() {
    let (mut served, clients) = stop_under_listeners("ebbtide", "/late", 0).await;
    served.ended(Duration::from_secs(20)).await.code(0);
    for seen in clients.join_all().await {
        let body = seen.expect("the stream ends in order");
        let body = body.text();
        assert!(body.starts_with("data: the only one\n\nretry: ") && body.ends_with("\n\n"), "{body:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_resumable_stream_is_visibly_truncated() {
    let (mut served, clients) = stop_under_listeners("ebbtide", "/resumed", 0).await;
    served.ended(Duration::from_secs(20)).await.code(0);
    for seen in clients.join_all().await {
        assert!(seen.expect_err("the stream is truncated").is_reset());
    }
}

/// The opposite: without the policies the streams delay the shutdown to its deadline, and are truncated.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_an_abrupt_close_event_streams_delay_the_shutdown_and_are_cancelled() {
    let (mut served, clients) = stop_under_listeners("abrupt", "/events", 0).await;
    let ended = served.ended(Duration::from_secs(20)).await;
    ended.code(3).within(STREAMS_GRACE).said("GET /events").said(&format!("cancelled={LISTENERS}"));
    assert!(ended.after > Duration::from_secs(3), "{:?}", ended.after);
    for seen in clients.join_all().await {
        assert!(seen.expect_err("the stream is truncated").is_reset());
    }
}

/// The opposite with `axum::serve`: it waits as long as any client listens.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn event_streams_keep_axums_server_running_past_its_grace_period() {
    let (mut served, mut clients) = stop_under_listeners("axum", "/events", 0).await;
    assert!(served.ended_or_not(STREAMS_GRACE).await.is_none(), "the process exited");
    assert!(clients.try_join_next().is_none(), "a stream ended");
}

// WebSockets.

const CHATS: usize = 32;

/// The number of messages that each client sends ahead of their echoes.
const AHEAD: u64 = 4;

/// For clients that are cancelled at the deadline.
const GRACE: Duration = Duration::from_secs(4);
/// For clients that end before.
const AMPLE: Duration = Duration::from_secs(20);

/// The result of one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    sent: u64,
    echoed: u64,
    /// The code of the close frame; `None` when there was none.
    code: Option<u16>,
}

fn start_sockets(mode: &str, grace: Duration, lame_duck: &str) -> Served {
    let mut command = service("sockets");
    command
        .arg(mode)
        .env("EBBTIDE_GRACE", format!("{}ms", grace.as_millis()))
        .env("EBBTIDE_LAME_DUCK", lame_duck);
    let served = Served::start(&mut command);
    if mode != "axum" {
        served.process.says("phase=ready");
    }
    served
}

/// Sends messages and checks their echoes without a pause until the connection ends. Signals `warm` after 100 echoes.
async fn chat(addr: SocketAddr, warm: tokio::sync::mpsc::Sender<()>) -> Seen {
    let (socket, _) =
        tokio_tungstenite::connect_async(format!("ws://{addr}/echo")).await.expect("an upgrade");
    let (mut sink, mut stream) = socket.split();
    let mut seen = Seen { sent: 0, echoed: 0, code: None };
    loop {
        // Only messages that the socket has accepted count as sent.
        while seen.code.is_none() && seen.sent - seen.echoed < AHEAD {
            if sink.send(Message::text(seen.sent.to_string())).await.is_err() {
                break;
            }
            seen.sent += 1;
        }
        match tokio::time::timeout(Duration::from_secs(60), stream.next()).await.expect("an echo or the end")
        {
            Some(Ok(Message::Text(text))) => {
                assert_eq!(text.as_str(), seen.echoed.to_string(), "an echo is missing or out of order");
                seen.echoed += 1;
                if seen.echoed == 100 {
                    let _ = warm.send(()).await;
                }
            }
            Some(Ok(Message::Close(frame))) => seen.code = frame.map(|frame| frame.code.into()),
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return seen,
        }
    }
}

/// Stops a server while clients send messages.
async fn stop_under_traffic(mode: &str, grace: Duration) -> (Vec<Seen>, Ended) {
    let mut served = start_sockets(mode, grace, "300ms");
    let (warm, mut warmed) = tokio::sync::mpsc::channel(CHATS);
    let mut clients = JoinSet::new();
    for _ in 0..CHATS {
        clients.spawn(chat(served.addr, warm.clone()));
    }
    for _ in 0..CHATS {
        warmed.recv().await;
    }
    served.terminate();
    let ended = served.ended(Duration::from_secs(20)).await;
    (clients.join_all().await, ended)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_websocket_client_gets_a_close_frame_and_all_its_messages_are_read() {
    let (seen, ended) = stop_under_traffic("told", AMPLE).await;
    ended.code(0);
    let sent: u64 = seen.iter().map(|one| one.sent).sum();
    assert!(sent > 100 * CHATS as u64, "{seen:?}");
    ended.said(&format!("read {sent} messages"));
    for one in &seen {
        assert_eq!(one.code, Some(1001), "{one:?}");
        assert!(one.sent - one.echoed <= AHEAD, "messages before the close frame were not echoed: {one:?}");
    }
}

/// The opposite: axum's server closes the connections without a close frame.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn axums_server_sends_no_close_frame() {
    let (seen, _) = stop_under_traffic("axum", AMPLE).await;
    assert!(seen.iter().all(|one| one.code.is_none()), "{seen:?}");
}

/// The opposite: without the helper the server waits for the clients, and cancels them at the deadline.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_helper_websockets_are_cancelled_at_the_deadline() {
    let (seen, ended) = stop_under_traffic("bare", GRACE).await;
    ended.code(3).within(GRACE).said("GET /echo").said("(upgraded)").said(&format!("cancelled={CHATS}"));
    assert!(seen.iter().all(|one| one.code.is_none()), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_ignores_the_close_frame_does_not_delay_the_shutdown_and_is_named() {
    let mut served = start_sockets("told", GRACE, "0s");
    let mut client = Client::connect(served.addr).await.expect("the server accepts");
    let upgrade = "GET /echo?secret HTTP/1.1\r\nHost: test\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    client.send(upgrade.as_bytes()).await.expect("the request is sent");
    client.first_bytes().await.expect("first bytes");
    served.terminate();
    let ended = served.ended(GRACE).await;
    ended
        .code(0)
        .said("GET /echo")
        .said("(upgraded) (peer stalled)")
        .said("cancelled=0")
        .never_said("secret");
    let rest = client.rest().await;
    // A close frame (RFC 6455 §5.5.1): final, opcode 8, two bytes of payload, 1001. Then the end.
    assert!(rest.received.ends_with(&[0x88, 2, 0x03, 0xe9]) && rest.is_eof(), "{rest:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_websocket_opened_in_the_lame_duck_is_served_and_closed_after_it() {
    let mut served = start_sockets("told", AMPLE, "1s");
    served.terminate();
    served.process.says("phase=lame_duck");
    let (warm, mut warmed) = tokio::sync::mpsc::channel(1);
    let mut client = JoinSet::new();
    client.spawn(chat(served.addr, warm));
    warmed.recv().await.expect("the client is served");
    let seen = client.join_all().await;
    assert_eq!(seen[0].code, Some(1001), "{seen:?}");
    served.ended(AMPLE).await.code(0);
}
