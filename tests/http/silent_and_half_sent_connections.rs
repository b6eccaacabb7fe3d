//! Connections that have sent nothing, half a head or half an HTTP/2 preface, or have become silent. Requests that they complete
//! are answered, and no such connection delays the shutdown.
#![expect(clippy::expect_used, reason = "a helper that fails fails its test")]

use std::time::Duration;

use ebbtide_http1::client::Client;
use ebbtide_tests::Served;

const LONG: Duration = Duration::from_secs(20);
/// The server's timeouts for a head and for the first byte.
const ARGS: [&str; 4] = ["--header-ms", "1500", "--first-byte-ms", "1500"];
/// The timeouts for requests that are completed later.
const PATIENT: [&str; 4] = ["--header-ms", "20000", "--first-byte-ms", "20000"];
/// Much longer than the timeouts of `ARGS`, and much shorter than a grace period of 20 s.
const BEYOND: Duration = Duration::from_millis(3500);

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const EMPTY_SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];

fn shapes(args: &[&str]) -> Served {
    Served::shapes(args, "20s", "0s")
}

fn peer() -> Served {
    Served::peer()
}

/// Connects, sends, and waits until the server has accepted the connection: connections are accepted in order.
async fn sent(served: &Served, bytes: &[u8]) -> Client {
    let mut client = Client::connect(served.addr).await.expect("the server accepts");
    client.send(bytes).await.expect("the bytes are sent");
    let mut later = Client::connect(served.addr).await.expect("the server accepts");
    later.get("/ping").await.expect("the bytes are sent");
    assert!(later.response().await.expect("an answer").is_ok());
    client
}

/// What a client may have sent when it becomes silent.
const HALVES: [(&str, &[u8]); 5] = [
    ("nothing", b""),
    ("half a head", b"GET /ping HTTP/1.1\r\nHo"),
    ("half a preface", b"PRI * HTTP/2.0\r\n\r\nS"),
    ("a preface", PREFACE),
    ("an empty line", b"\r\n"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_and_half_sent_connections_do_not_delay_the_shutdown_to_its_deadline() {
    let mut stopped = Vec::new();
    for (what, half) in HALVES {
        let served = shapes(&ARGS);
        let silent = sent(&served, half).await;
        served.terminate();
        stopped.push((what, served, silent));
    }
    for (what, mut served, mut silent) in stopped {
        // A connection that delayed the shutdown to its deadline would be cancelled there: code 3.
        served.ended(LONG).await.code(0);
        assert!(silent.rest().await.is_eof(), "{what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_http2_peer_does_not_delay_the_shutdown() {
    let mut served = shapes(&ARGS);
    let _silent = sent(&served, &[PREFACE, EMPTY_SETTINGS].concat()).await;
    served.terminate();
    served.ended(LONG).await.code(0);
}

/// The opposite: a plain axum server waits for the connections.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plain_axum_server_is_blocked_by_half_a_head_and_by_a_silent_peer() {
    let mut held = Vec::new();
    for half in [HALVES[1].1, &[PREFACE, EMPTY_SETTINGS].concat()] {
        let served = peer();
        let silent = sent(&served, half).await;
        served.terminate();
        held.push((served, silent));
    }
    tokio::time::sleep(BEYOND).await;
    for (mut served, _silent) in held {
        assert!(served.ended_or_not(Duration::ZERO).await.is_none(), "the process exited");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_was_half_sent_at_the_signal_is_answered_when_it_is_completed() {
    let request: &[u8] = b"GET /ping HTTP/1.1\r\nHost: test\r\n\r\n";
    let mut stopped = Vec::new();
    for at in [0, 1, 3, 20, request.len() - 1] {
        let served = shapes(&PATIENT);
        let client = sent(&served, &request[..at]).await;
        served.terminate();
        stopped.push((at, served, client));
    }
    for (at, served, client) in &mut stopped {
        served.process.says("phase=draining");
        client.send(&request[*at..]).await.expect("the connection is open");
    }
    for (at, mut served, mut client) in stopped {
        let answer = client.response().await;
        let answer =
            answer.unwrap_or_else(|cancelled| panic!("sent {at} bytes before the signal: {cancelled:?}"));
        assert!(answer.is_ok() && answer.closes, "{answer:?}");
        assert!(client.rest().await.is_eof());
        served.ended(LONG).await.code(0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_preface_that_was_half_sent_at_the_signal_is_served_when_it_is_completed() {
    // HEADERS with END_STREAM and END_HEADERS on stream 1 (RFC 9113 §6.2); GET, http and `/ping` by RFC 7541 §6.
    const ASK: &[u8] = b"\0\0\x09\x01\x05\0\0\0\x01\x82\x86\x04\x05/ping";
    let (mut served, half) = (shapes(&PATIENT), HALVES[2].1);
    let mut client = sent(&served, half).await;
    served.terminate();
    served.process.says("phase=draining");
    let rest = [&PREFACE[half.len()..], EMPTY_SETTINGS, ASK].concat();
    client.send(&rest).await.expect("the connection is open");
    let read = client.rest().await.received;
    assert!(read.windows(4).any(|four| four == b"pong"), "{read:?}");
    served.ended(LONG).await.code(0);
}

/// The opposite: with a very short timeout the connection is closed before the rest arrives. An abrupt close and a plain axum
/// server also close connections that have sent nothing, and the latter closes half a preface.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_short_head_timeout_or_a_plain_close_half_sent_requests_are_lost() {
    let hasty = shapes(&["--header-ms", "50", "--first-byte-ms", "50"]);
    let abrupt = shapes(&["--close", "abrupt"]);
    let half = |which: usize| HALVES[which].1;
    for (mut served, half) in [(hasty, half(1)), (abrupt, half(0)), (peer(), half(0)), (peer(), half(2))] {
        let mut client = sent(&served, half).await;
        served.terminate();
        let closed = client.rest().await;
        assert!(!closed.received.starts_with(b"HTTP/1.1 200"), "{closed:?}");
        served.ended(LONG).await.code(0);
    }
}
