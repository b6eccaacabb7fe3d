//! Stalled and disconnected peers do not delay the shutdown until its deadline. Slow peers may finish.

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use tokio::io::AsyncReadExt;
use tokio::net::TcpSocket;

use crate::frames::{ACK, DATA, Frames, HEADERS, PING};
use crate::support::{Client, PausedClock, Served, ping, serve, slow, stop_source, until};

const BIG: usize = 8 * 1024 * 1024;
const STALL: Duration = Duration::from_secs(7);
/// The time between two reads of a slow client. Its kernel acknowledges them to the server only every few times.
const PAUSE: Duration = Duration::from_millis(500);

fn big() -> Router {
    ping().route("/big", get(async || vec![b'x'; BIG]))
}

/// Returns a client with small buffers that has requested the large response and read its first bytes. The server holds the rest.
async fn taker(served: &Served) -> Client {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(64 * 1024).unwrap();
    let mut client = Client::new(socket.connect(served.addr).await.unwrap());
    client.send(b"GET /big HTTP/1.0\r\n\r\n").await.unwrap();
    client.read_until(b"\r\n\r\n").await.unwrap();
    until(|| served.work.stragglers().iter().any(|each| each.name.starts_with("the rest of a response")))
        .await;
    client
}

/// Waits until the server has handled everything that was sent so far on an HTTP/2 connection.
async fn heard(frames: &mut Frames) {
    frames.send(PING, 0, 0, b"are you?").await;
    loop {
        let frame = frames.next_of(&[PING]).await.expect("a response");
        match frame.flags {
            ACK => return,
            _ => frames.send(PING, ACK, 0, &frame.payload).await,
        }
    }
}

/// Checks that the peer counts as stalled and not as cancelled, which would lead to exit code 3.
pub(crate) fn is_ended_as_stalled(served: &Served, name: &str) {
    let counts = served.work.counts();
    assert_eq!((counts.in_flight, counts.cancelled, counts.abandoned, counts.unaccounted()), (0, 0, 1, 0));
    let straggler = served.work.stragglers().remove(0).name;
    assert!(straggler.starts_with(name) && straggler.ends_with("(peer stalled)"), "{straggler}");
}

#[tokio::test]
async fn a_client_that_does_not_read_its_response_does_not_delay_the_shutdown() {
    let clock = PausedClock::new();
    let mut served = serve(big(), |server| server.stall_timeout(STALL)).await;
    let mut client = taker(&served).await;
    // Before the shutdown a slow client is not limited.
    clock.advance(STALL * 2).await;
    assert_eq!(served.work.in_flight(), 1);
    served.stop();
    served.draining().await;
    clock.advance_to_before(STALL).await;
    assert!(served.is_running(), "before the limit");
    clock.advance_past().await;
    served.ended().await;
    is_ended_as_stalled(&served, "the rest of a response to 127.0.0.1:");
    assert!(client.rest().await.is_reset());
}

/// The opposite: without the limit it delays the shutdown.
#[tokio::test]
async fn without_the_stall_limit_a_stalled_client_delays_the_shutdown_to_the_deadline() {
    let clock = PausedClock::new();
    let mut served = serve(big(), |server| server.stall_timeout(STALL * 10)).await;
    let _client = taker(&served).await;
    served.stop();
    served.draining().await;
    clock.advance(STALL * 3).await;
    assert!(served.is_running());
    served.cancelled();
    clock.advance(STALL).await;
    served.ended().await;
}

#[tokio::test]
async fn a_slow_client_may_finish() {
    let clock = PausedClock::new();
    let mut served = serve(big(), |server| server.stall_timeout(STALL)).await;
    let mut client = taker(&served).await;
    served.stop();
    served.draining().await;
    let (mut taken, mut buf) = (0, vec![0; 64 * 1024]);
    loop {
        clock.advance(PAUSE).await;
        match client.stream.read(&mut buf).await.expect("no reset") {
            0 => break,
            read => taken += read,
        }
    }
    // `up_to` may have read some of it.
    assert!(taken > BIG - 64 * 1024, "{taken}");
    drop(client);
    served.ended().await;
    assert_eq!((served.work.finished(), served.work.cancelled()), (1, 0));
}

#[tokio::test]
async fn an_http_2_stream_without_a_window_does_not_delay_the_shutdown() {
    let clock = PausedClock::new();
    let mut served = serve(big(), |server| server.stall_timeout(STALL)).await;
    let mut frames = Frames::connect(served.addr, 1000).await;
    frames.get(1, "/big").await;
    assert_eq!(frames.next_of(&[DATA]).await.expect("the beginning").payload.len(), 1000);
    clock.advance(STALL * 2).await;
    assert_eq!(served.work.in_flight(), 1);
    served.stop();
    // The peer is alive: it acknowledges the PING, but opens no window.
    let ping = frames.next_of(&[PING]).await.expect("PING");
    frames.send(PING, ACK, 0, &ping.payload).await;
    heard(&mut frames).await;
    clock.advance_to_before(STALL).await;
    assert!(served.is_running(), "before the limit");
    clock.advance_past().await;
    while frames.next().await.is_some() {}
    served.ended().await;
    is_ended_as_stalled(&served, "GET /big from 127.0.0.1:");
}

#[tokio::test]
async fn a_slow_http_2_stream_may_finish() {
    let clock = PausedClock::new();
    let (size, step) = (600_000, 20_000);
    let some = get(async move || vec![b'x'; size as usize]);
    let settings = |server: ebbtide::http::Server<Router>| {
        server.stall_timeout(STALL).idle_quiet(Duration::from_millis(10))
    };
    let mut served = serve(ping().route("/some", some), settings).await;
    let mut frames = Frames::connect(served.addr, step).await;
    frames.get(1, "/some").await;
    assert_eq!(frames.next_of(&[HEADERS]).await.expect("a head").stream, 1);
    served.stop();
    let (mut taken, mut unspent) = (0, 0);
    while taken < size {
        let frame = frames.next().await.expect("the rest of the response");
        if frame.kind == PING && frame.flags == 0 {
            frames.send(PING, ACK, 0, &frame.payload).await;
        }
        if frame.kind == DATA {
            taken += frame.payload.len() as u32;
            unspent += frame.payload.len() as u32;
        }
        if unspent >= step / 2 {
            clock.advance(PAUSE).await;
            frames.allow(1, unspent).await;
            unspent = 0;
        }
    }
    drop(frames);
    served.ended().await;
    assert_eq!((served.work.finished(), served.work.cancelled()), (1, 0));
}

/// Data that the server holds counts as sent only when the window has room for it.
#[tokio::test]
async fn an_http_2_response_is_in_flight_until_the_window_has_room_for_it() {
    let mut served = serve(big(), |server| server).await;
    let mut frames = Frames::connect(served.addr, 1000).await;
    frames.get(1, "/big").await;
    assert_eq!(frames.next_of(&[DATA]).await.expect("the beginning").payload.len(), 1000);
    heard(&mut frames).await;
    assert_eq!((served.work.in_flight(), served.work.finished()), (1, 0));
    frames.allow(1, BIG as u32).await;
    assert_eq!(frames.body(1).await.expect("the rest").len(), BIG - 1000);
    until(|| served.work.finished() == 1).await;
    drop(frames);
    served.stop();
    served.ended().await;
}

/// The peer acknowledges nothing: its receive buffer is full of acknowledgements of its own PINGs.
#[tokio::test]
async fn a_dead_http_2_peer_with_an_open_stream_does_not_delay_the_shutdown() {
    let never = stop_source();
    let mut served = serve(slow(never.token()), |server| server.stall_timeout(STALL)).await;
    let mut frames = Frames::connect_with(served.addr, 65_535, 4096).await;
    frames.get(1, "/slow").await;
    until(|| served.work.in_flight() == 1).await;
    frames.fill().await;
    served.stop();
    served.ended().await;
    is_ended_as_stalled(&served, "");
}

/// The opposite: a peer whose kernel acknowledges data is alive, although it never answers the PING.
#[tokio::test]
async fn an_http_2_peer_that_never_answers_the_ping_keeps_its_call() {
    let release = stop_source();
    let mut served = serve(slow(release.token()), |server| server.stall_timeout(STALL)).await;
    let mut frames = Frames::connect(served.addr, 65_535).await;
    frames.get(1, "/slow").await;
    until(|| served.work.in_flight() == 1).await;
    served.stop();
    frames.next_of(&[PING]).await.expect("PING");
    tokio::time::sleep(STALL * 3).await;
    assert!(served.is_running());
    release.stop(crate::support::cause(), None);
    assert_eq!(frames.body(1).await.expect("an answer"), b"slow pong");
    served.ended().await;
    assert_eq!((served.work.finished(), served.work.cancelled()), (1, 0));
}

/// The opposite: a live peer may wait for its response.
#[tokio::test]
async fn an_http_2_peer_that_waits_for_its_response_is_not_ended() {
    let clock = PausedClock::new();
    let release = stop_source();
    let mut served = serve(slow(release.token()), |server| server.stall_timeout(STALL)).await;
    let mut frames = Frames::connect(served.addr, 65_535).await;
    frames.get(1, "/slow").await;
    until(|| served.work.in_flight() == 1).await;
    served.stop();
    let ping = frames.next_of(&[PING]).await.expect("PING");
    frames.send(PING, ACK, 0, &ping.payload).await;
    heard(&mut frames).await;
    for _ in 0..10 {
        clock.advance(STALL / 2).await;
        assert!(served.is_running());
    }
    release.stop(crate::support::cause(), None);
    assert_eq!(frames.body(1).await.expect("an answer"), b"slow pong");
    drop(frames);
    served.ended().await;
    assert_eq!((served.work.finished(), served.work.cancelled()), (1, 0));
}
