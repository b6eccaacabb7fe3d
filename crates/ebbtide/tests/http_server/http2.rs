//! HTTP/2 with prior knowledge: streams in flight, and the two GOAWAYs: the first with the highest possible stream id, the second
//! with the real last one.

use std::time::Duration;

use bytes::Bytes;
use ebbtide::http::CloseMode;
use http_body_util::{BodyExt, Empty};
use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::frames::{ACK, DATA, Frame, Frames, GOAWAY, HEADERS, HIGHEST, PING};
use crate::support::{
    Client, LONG, PausedClock, Served, accepted, cause, ping, serve, slow, stop_source, until,
};

pub(crate) type Sender = hyper::client::conn::http2::SendRequest<Empty<Bytes>>;

pub(crate) async fn connect(served: &Served) -> (Sender, JoinSet<hyper::Result<()>>) {
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
async fn http_2_streams_in_flight_at_the_stop_signal_finish() {
    let release = stop_source();
    let mut served = serve(slow(release.token()), |server| server).await;
    let (sender, mut driver) = connect(&served).await;
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
    assert_eq!((served.work.finished(), served.work.cancelled()), (11, 0));
    driver.join_next().await.unwrap().unwrap().unwrap();
}

/// The preface ends like a request's head, and more bytes follow it. They are not the beginning of another request.
#[tokio::test]
async fn an_http_2_connection_is_idle_after_each_of_its_requests() {
    let clock = PausedClock::new();
    let limit = Duration::from_secs(10);
    let mut served = serve(ping(), |server| server.header_timeout(limit)).await;
    let (sender, _driver) = connect(&served).await;
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
async fn a_silent_http_2_peer_does_not_delay_the_shutdown() {
    let clock = PausedClock::new();
    let quiet = Duration::from_secs(10);
    let mut served = serve(ping(), |server| server.idle_quiet(quiet)).await;
    let mut stream = TcpStream::connect(served.addr).await.unwrap();
    // The preface and empty settings, and then silence: no PING is answered.
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
async fn half_an_http_2_preface_is_treated_as_half_a_head() {
    let clock = PausedClock::new();
    let limit = Duration::from_secs(10);
    let mut served = serve(ping(), |server| server.header_timeout(limit)).await;
    let mut client = Client::connect(served.addr).await.unwrap();
    client.send(b"PRI * HTTP/2.0\r\n\r\nSM").await.unwrap();
    until(|| served.work.in_flight() == 1).await;
    clock.advance_to_before(limit).await;
    assert!(client.is_quiet(), "before the limit");
    clock.advance_past().await;
    assert!(client.rest().await.received.is_empty());
    served.stop();
    served.ended().await;
}

#[tokio::test]
async fn http_2_streams_are_cancelled_counted_and_named() {
    let never = stop_source();
    let mut served = serve(slow(never.token()), |server| server.refusal_time(LONG)).await;
    let (sender, _driver) = connect(&served).await;
    let mut streams = JoinSet::new();
    streams.spawn(ask(sender.clone(), "/slow"));
    until(|| served.work.in_flight() == 1).await;
    served.stop();
    served.cancelled();
    served.ended().await;
    assert!(streams.join_all().await.remove(0).unwrap().is_empty(), "503 has no body");
    assert_eq!((served.work.in_flight(), served.work.cancelled()), (0, 1));
}

const NO_ERROR: u32 = 0;

/// Acknowledges a PING, as every live peer must.
async fn pong(frames: &mut Frames, ping: &Frame) {
    frames.send(PING, ACK, 0, &ping.payload).await;
}

/// Reads the first GOAWAY and the PING after it.
async fn told(frames: &mut Frames) -> Frame {
    let goaway = frames.next_of(&[GOAWAY, PING]).await.expect("GOAWAY");
    assert_eq!(goaway.goes_away(), (HIGHEST, NO_ERROR), "nothing is refused yet");
    let ping = frames.next_of(&[GOAWAY, PING]).await.expect("PING");
    assert_eq!((ping.kind, ping.flags), (PING, 0));
    ping
}

#[tokio::test]
async fn an_http_2_connection_gets_two_goaways_in_the_lame_duck() {
    let mut served = serve(ping(), |server| server).await;
    let mut frames = Frames::connect(served.addr, 65_535).await;
    frames.get(1, "/ping").await;
    assert_eq!(frames.body(1).await.expect("an answer"), b"pong");
    served.announce();
    let ping = told(&mut frames).await;
    // Streams that the peer opened before it read the GOAWAY are served, however many they are.
    for stream in [3, 5, 7] {
        frames.get(stream, "/ping").await;
        assert_eq!(frames.body(stream).await.expect("an answer"), b"pong");
    }
    pong(&mut frames, &ping).await;
    let last = frames.next_of(&[GOAWAY]).await.expect("the real GOAWAY");
    assert_eq!(last.goes_away(), (7, NO_ERROR));
    assert_eq!(frames.next().await, None, "the connection is closed in the lame duck");
    // Other connections are still served.
    let mut late = Frames::connect(served.addr, 65_535).await;
    late.get(1, "/ping").await;
    assert_eq!(late.body(1).await.expect("an answer"), b"pong");
    drop(late);
    served.stop();
    drop(frames);
    served.ended().await;
    assert_eq!((served.work.finished(), served.work.cancelled()), (5, 0));
}

#[tokio::test]
async fn a_stream_in_flight_finishes_between_and_after_the_two_goaways() {
    let release = stop_source();
    let mut served = serve(slow(release.token()), |server| server).await;
    let mut frames = Frames::connect(served.addr, 65_535).await;
    frames.get(1, "/slow").await;
    until(|| served.work.in_flight() == 1).await;
    served.announce();
    let ping = told(&mut frames).await;
    pong(&mut frames, &ping).await;
    assert_eq!(frames.next_of(&[GOAWAY]).await.expect("the real GOAWAY").goes_away(), (1, NO_ERROR));
    served.stop();
    release.stop(cause(), None);
    assert_eq!(frames.body(1).await.expect("an answer"), b"slow pong");
    assert_eq!(frames.next().await, None);
    drop(frames);
    served.ended().await;
}

/// With a GOAWAY before its first request, a client would reconnect in a loop and never be served.
#[tokio::test]
async fn a_connection_opened_in_the_lame_duck_gets_goaway_after_its_first_request_begins() {
    let mut served = serve(ping(), |server| server).await;
    served.announce();
    let mut frames = Frames::connect(served.addr, 65_535).await;
    frames.send(PING, 0, 0, b"are you?").await;
    let first = frames.next_of(&[PING, GOAWAY]).await.expect("a response");
    assert_eq!((first.kind, first.flags), (PING, ACK), "no GOAWAY yet");
    frames.get(1, "/ping").await;
    let goaway = frames.next_of(&[GOAWAY]).await.expect("GOAWAY");
    assert_eq!(goaway.goes_away(), (HIGHEST, NO_ERROR));
    frames.get(3, "/ping").await;
    let ping = frames.next_of(&[PING]).await.expect("PING");
    assert_eq!(frames.body(3).await.expect("an answer"), b"pong");
    pong(&mut frames, &ping).await;
    assert_eq!(frames.next_of(&[GOAWAY]).await.expect("the real GOAWAY").goes_away(), (3, NO_ERROR));
    served.stop();
    drop(frames);
    served.ended().await;
}

#[tokio::test]
async fn the_announcement_can_wait_until_the_end_of_the_lame_duck() {
    let mut served = serve(ping(), |server| server.announce_close(false)).await;
    let mut frames = Frames::connect(served.addr, 65_535).await;
    served.announce();
    for stream in [1, 3] {
        frames.get(stream, "/ping").await;
        let answer = frames.next_of(&[HEADERS, GOAWAY]).await.expect("a response");
        assert_eq!((answer.kind, answer.stream), (HEADERS, stream));
    }
    served.stop();
    let ping = told(&mut frames).await;
    pong(&mut frames, &ping).await;
    drop(frames);
    served.ended().await;
}

/// hyper's graceful shutdown starts before the client's settings have arrived.
#[tokio::test]
async fn a_connection_whose_first_bytes_arrive_after_the_lame_duck_is_served() {
    let mut served = serve(ping(), |server| server.first_byte_grace(LONG)).await;
    let silent = TcpStream::connect(served.addr).await.unwrap();
    accepted(served.addr).await;
    served.stop();
    served.draining().await;
    let mut frames = Frames::over(silent, 65_535).await;
    frames.get(1, "/ping").await;
    assert_eq!(frames.body(1).await.expect("an answer"), b"pong");
    drop(frames);
    served.ended().await;
}

#[tokio::test]
async fn an_unresponsive_http_2_peer_is_served_and_does_not_delay_the_shutdown() {
    let clock = PausedClock::new();
    let quiet = Duration::from_millis(100);
    let mut served = serve(ping(), |server| server.idle_quiet(quiet).stall_timeout(quiet)).await;
    let mut frames = Frames::connect(served.addr, 65_535).await;
    frames.get(1, "/ping").await;
    assert_eq!(frames.body(1).await.expect("an answer"), b"pong");
    served.announce();
    told(&mut frames).await;
    clock.advance(LONG / 2).await;
    // The peer does not answer, or is far away. It does not delay anything yet.
    frames.get(3, "/ping").await;
    let data = frames.next_of(&[DATA, GOAWAY]).await.expect("a response");
    assert_eq!((data.kind, data.payload), (DATA, b"pong".to_vec()));
    clock.resume(); // the close depends on how long the kernel has seen no data
    served.stop();
    served.ended().await;
    assert_eq!((served.work.finished(), served.work.cancelled()), (2, 0));
}

/// The opposite: without an announcement before the end, as in other servers.
#[tokio::test]
async fn an_abrupt_close_sends_no_goaway_in_the_lame_duck() {
    let mut served = serve(ping(), |server| server.close_mode(CloseMode::Abrupt)).await;
    let mut frames = Frames::connect(served.addr, 65_535).await;
    served.announce();
    frames.get(1, "/ping").await;
    assert_eq!(frames.body(1).await.expect("an answer"), b"pong");
    frames.send(PING, 0, 0, b"are you?").await;
    assert_eq!(frames.next_of(&[PING, GOAWAY]).await.expect("an answer").kind, PING);
    drop(frames);
    served.stop();
    served.ended().await;
}

/// A client may write its PING acknowledgement before requests that it had opened when the GOAWAY came, as hyper's client does.
async fn overtake(frames: &mut Frames) -> Option<Vec<u8>> {
    let ping = told(frames).await;
    pong(frames, &ping).await;
    // Once this is acknowledged, the server has read the first acknowledgement. hyper may have closed the connection by then.
    frames.send(PING, 0, 0, b"are you?").await;
    frames.next_of(&[PING]).await?;
    frames.get(3, "/ping").await;
    frames.body(3).await
}

#[tokio::test]
async fn a_request_opened_before_and_written_after_the_ping_ack_is_served() {
    // The server delays handling the acknowledgement for a time that would pass on a busy machine.
    let clock = PausedClock::new();
    let mut served = serve(ping(), |server| server).await;
    let mut frames = Frames::connect(served.addr, 65_535).await;
    frames.get(1, "/ping").await;
    assert!(frames.body(1).await.is_some());
    served.announce();
    assert_eq!(overtake(&mut frames).await.expect("an answer"), b"pong");
    clock.advance(LONG / 2).await;
    assert_eq!(frames.next_of(&[GOAWAY]).await.expect("the real GOAWAY").goes_away(), (3, NO_ERROR));
    drop(frames);
    served.stop();
    served.ended().await;
    assert_eq!((served.work.finished(), served.work.cancelled()), (2, 0));
}

/// The opposite with a peer: hyper closes at the PING acknowledgement, and the request gets no response.
#[tokio::test]
async fn hyper_loses_a_request_that_is_written_after_the_ping_ack() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let stop = stop_source();
    let token = stop.token();
    let mut server = JoinSet::new();
    server.spawn(async move {
        let io = TokioIo::new(listener.accept().await.unwrap().0);
        let service = hyper_util::service::TowerToHyperService::new(ping());
        let mut connection =
            std::pin::pin!(http2::Builder::new(TokioExecutor::new()).serve_connection(io, service));
        tokio::select! {
            _ = connection.as_mut() => return,
            () = token.stopping() => connection.as_mut().graceful_shutdown(),
        }
        let _ = connection.await;
    });
    let mut frames = Frames::connect(addr, 65_535).await;
    frames.get(1, "/ping").await;
    assert!(frames.body(1).await.is_some());
    stop.stop(cause(), None);
    assert_eq!(overtake(&mut frames).await, None);
    server.join_all().await;
}
