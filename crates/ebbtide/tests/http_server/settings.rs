//! Settings for normal operation: the idle limit of a connection, and the settings of hyper.

use std::time::Duration;

use axum::Router;
use ebbtide::http::Server;

use crate::frames::{ACK, Frames, GOAWAY, HEADERS, HIGHEST, PING as PING_FRAME, SETTINGS};
use crate::support::{
    Client, PING, PausedClock, SLOW, Served, ping, serve, settle, slow, stop_source, until,
};

const TIMEOUT: Duration = Duration::from_secs(75);

/// The kernel measures idle time in real time: it is this much ahead of the paused clock, at most.
const MEASURED: Duration = Duration::from_secs(5);

fn idle_limit(server: Server<Router>) -> Server<Router> {
    server.keep_alive_timeout(TIMEOUT)
}

/// Returns a client whose connection is idle after a response.
async fn kept(served: &Served) -> Client {
    let mut client = Client::connect(served.addr).await.unwrap();
    client.send(PING).await.unwrap();
    assert!(!client.response().await.expect("a response").closes);
    client
}

async fn ended_in_order(client: &mut Client) -> bool {
    let rest = client.rest().await;
    rest.is_eof() && rest.received.is_empty()
}

#[tokio::test]
async fn a_connection_is_closed_when_it_was_idle_for_its_limit() {
    let clock = PausedClock::new();
    let mut served = serve(ping(), idle_limit).await;
    let mut client = kept(&served).await;
    clock.advance(TIMEOUT - MEASURED).await;
    assert!(client.is_quiet());
    // A request restarts the idle time.
    client.send(PING).await.unwrap();
    assert!(client.response().await.expect("a response").is_ok());
    clock.advance(TIMEOUT - MEASURED).await;
    assert!(client.is_quiet());
    clock.advance(MEASURED).await;
    clock.advance_past().await;
    assert!(ended_in_order(&mut client).await);
    served.stop();
    served.ended().await;
    assert_eq!(served.work.counts().finished, 2);
}

#[tokio::test]
async fn a_connection_that_has_sent_nothing_is_closed_after_the_same_time() {
    let clock = PausedClock::new();
    let served = serve(ping(), idle_limit).await;
    let mut silent = Client::connect(served.addr).await.unwrap();
    // Accepted after the silent one: when this one is accepted, that one is too.
    let _kept = kept(&served).await;
    clock.advance(TIMEOUT - MEASURED).await;
    assert!(silent.is_quiet());
    clock.advance(MEASURED).await;
    clock.advance_past().await;
    assert!(ended_in_order(&mut silent).await);
}

/// A connection is not idle before its first request.
#[tokio::test]
async fn the_idle_limit_does_not_apply_before_the_first_request() {
    let clock = PausedClock::new();
    let served = serve(ping(), |server| server.keep_alive_timeout(Duration::ZERO)).await;
    let mut client = Client::connect(served.addr).await.unwrap();
    clock.advance(Duration::from_millis(900)).await;
    client.send(PING).await.unwrap();
    assert!(client.response().await.expect("a response").is_ok());
    assert!(ended_in_order(&mut client).await, "the connection is closed after the response");
}

/// The opposite: without a limit.
#[tokio::test]
async fn without_a_limit_idle_connections_stay_open() {
    let clock = PausedClock::new();
    let served = serve(ping(), |server| server).await;
    let silent = Client::connect(served.addr).await.unwrap();
    let mut client = kept(&served).await;
    clock.advance(1000 * TIMEOUT).await;
    assert!(silent.is_quiet() && client.is_quiet());
    client.send(PING).await.unwrap();
    assert!(client.response().await.expect("a response").is_ok());
}

#[tokio::test]
async fn a_request_in_flight_does_not_count_as_idle_time() {
    let clock = PausedClock::new();
    let release = stop_source();
    let served = serve(slow(release.token()), idle_limit).await;
    let mut client = Client::connect(served.addr).await.unwrap();
    client.send(SLOW).await.unwrap();
    until(|| served.work.in_flight() == 1).await;
    clock.advance(10 * TIMEOUT).await;
    release.cancel();
    assert_eq!(client.response().await.expect("an answer").body, b"slow pong");
    clock.advance(TIMEOUT - MEASURED).await;
    assert!(client.is_quiet());
    clock.advance(MEASURED).await;
    clock.advance_past().await;
    assert!(ended_in_order(&mut client).await);
}

#[tokio::test]
async fn an_idle_http2_connection_is_asked_to_end_and_no_request_is_refused() {
    let clock = PausedClock::new();
    let served = serve(ping(), idle_limit).await;
    let mut frames = Frames::connect(served.addr, 65_535).await;
    frames.get(1, "/ping").await;
    assert_eq!(frames.body(1).await.expect("an answer"), b"pong");
    settle().await;
    clock.advance(TIMEOUT - MEASURED).await;
    frames.send(PING_FRAME, 0, 0, b"are you?").await;
    let first = frames.next_of(&[PING_FRAME, GOAWAY]).await.expect("a response");
    assert_eq!((first.kind, first.flags), (PING_FRAME, ACK), "no GOAWAY yet");
    clock.advance(MEASURED).await;
    clock.advance_past().await;
    assert_eq!(frames.next_of(&[GOAWAY]).await.expect("GOAWAY").goes_away(), (HIGHEST, 0));
    let ping = frames.next_of(&[PING_FRAME]).await.expect("PING");
    // A request that was in transit is served.
    frames.get(3, "/ping").await;
    assert_eq!(frames.body(3).await.expect("an answer"), b"pong");
    frames.send(PING_FRAME, ACK, 0, &ping.payload).await;
    clock.resume(); // the server waits for what was in transit with the acknowledgement
    assert_eq!(frames.next_of(&[GOAWAY]).await.expect("the real GOAWAY").goes_away(), (3, 0));
    assert_eq!(frames.next().await, None, "the connection is closed");
}

#[tokio::test]
async fn an_idle_http2_peer_that_ignores_goaway_is_closed_after_another_idle_limit() {
    let clock = PausedClock::new();
    let served = serve(ping(), idle_limit).await;
    let mut frames = Frames::connect(served.addr, 65_535).await;
    frames.get(1, "/ping").await;
    assert!(frames.body(1).await.is_some());
    settle().await;
    clock.advance(TIMEOUT).await;
    clock.advance_past().await;
    assert_eq!(frames.next_of(&[GOAWAY]).await.expect("GOAWAY").goes_away(), (HIGHEST, 0));
    clock.advance(TIMEOUT).await;
    clock.advance_past().await;
    let ended = async { while frames.next().await.is_some() {} };
    tokio::time::timeout(TIMEOUT, ended).await.expect("the connection is closed");
}

#[tokio::test]
async fn an_http2_connection_with_a_stream_is_not_idle_until_it_ends() {
    let clock = PausedClock::new();
    let release = stop_source();
    let served = serve(slow(release.token()), idle_limit).await;
    let mut frames = Frames::connect(served.addr, 65_535).await;
    frames.get(1, "/slow").await;
    until(|| served.work.in_flight() == 1).await;
    for _ in 0..3 {
        clock.advance(TIMEOUT).await;
    }
    release.cancel();
    let first = frames.next_of(&[HEADERS, GOAWAY]).await.expect("a response");
    assert_eq!(first.kind, HEADERS, "no GOAWAY while the stream was open");
    assert_eq!(frames.body(1).await.expect("an answer"), b"slow pong");
    clock.advance(TIMEOUT).await;
    clock.advance_past().await;
    assert_eq!(frames.next_of(&[GOAWAY]).await.expect("GOAWAY").goes_away(), (HIGHEST, 0));
}

#[tokio::test]
async fn settings_are_passed_on_to_hyper() {
    const MANY_HEADERS: usize = 150;
    let many = format!("GET /ping HTTP/1.1\r\nHost: test\r\n{}\r\n", "A: b\r\n".repeat(MANY_HEADERS));
    for (server, answered) in [
        (serve(ping(), |server| server).await, false),
        (serve(ping(), |server| server.http1(|http1| http1.max_headers(2 * MANY_HEADERS))).await, true),
    ] {
        let mut client = Client::connect(server.addr).await.unwrap();
        client.send(many.as_bytes()).await.unwrap();
        assert_eq!(client.response().await.expect("an answer").is_ok(), answered);
    }

    const STREAMS: u32 = 17;
    const MAX_CONCURRENT_STREAMS: u16 = 3;
    let served = serve(ping(), |server| server.http2(|http2| http2.max_concurrent_streams(STREAMS))).await;
    let mut frames = Frames::connect(served.addr, 65_535).await;
    let settings = frames.next_of(&[SETTINGS]).await.expect("SETTINGS").payload;
    let streams = settings.chunks(6).find(|setting| setting[..2] == MAX_CONCURRENT_STREAMS.to_be_bytes());
    assert_eq!(streams.map(|setting| &setting[2..]), Some(STREAMS.to_be_bytes().as_slice()));
}

/// The server measures the head's time and watches for the client's FIN itself, whatever is set on hyper.
#[tokio::test]
async fn hypers_settings_do_not_override_the_servers_limits() {
    let clock = PausedClock::new();
    let limit = Duration::from_secs(10);
    let served = serve(ping(), |server| {
        server.http1(|http1| http1.header_read_timeout(Duration::from_secs(1)).half_close(false))
    })
    .await;
    let mut client = Client::connect(served.addr).await.unwrap();
    client.send(&PING[..10]).await.unwrap();
    until(|| served.work.in_flight() == 1).await;
    clock.advance_to_before(limit).await;
    assert!(client.is_quiet(), "hyper's limit does not apply");
    client.send(&PING[10..]).await.unwrap();
    assert!(client.response().await.expect("a response").is_ok());
}

#[test]
#[should_panic(expected = "MAX_FRAME_SIZE")]
fn a_frame_size_that_http2_does_not_have_panics_where_it_is_set() {
    let _ = Server::new(ping()).http2(|http2| http2.max_frame_size(1 << 30));
}
