//! Handshakes that are under way, and that stop.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ebbtide::drain::Stop;
use ebbtide::http::{CloseMode, rustls};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::halting::Halting;
use super::pair::{Pair, serve};
use crate::support::{Client, LONG, PING, PausedClock, cause, now, ping, stop_source, until};

/// A connection whose handshake stops in the middle of the client's first message, until the token stops.
fn half_handshake(pair: &Arc<Pair>, addr: SocketAddr, until: Stop) -> JoinSet<std::io::Result<Bytes>> {
    let (mut going, pair) = (JoinSet::new(), Arc::clone(pair));
    going.spawn(async move {
        let stream = Halting::new(TcpStream::connect(addr).await?, 100, until);
        let mut client = Client::over(pair.over(stream, &[]).await?);
        client.send(PING).await?;
        let answer = client.answer().await.ok_or(ErrorKind::UnexpectedEof)?;
        assert!(answer.is_ok() && answer.closes());
        Ok(answer.body.into())
    });
    going
}

#[tokio::test]
async fn a_handshake_that_is_under_way_at_the_stop_is_finished_and_served() {
    let pair = Arc::new(Pair::new());
    let release = stop_source();
    let mut served = serve(pair.tls(), ping(), |server| server.first_byte_grace(LONG)).await;
    let mut going = half_handshake(&pair, served.addr, release.token());
    until(|| served.work.in_flight() == 1).await;
    assert!(served.work.stragglers()[0].name.starts_with("half a TLS handshake from 127.0.0.1:"));
    served.stop();
    served.draining().await;
    assert!(served.is_running());
    release.stop(cause(), None);
    assert_eq!(going.join_next().await.unwrap().unwrap().expect("it is served"), "pong");
    served.ended().await;
    assert_eq!((served.work.finished(), served.work.cut()), (1, 0));
}

/// The opposite: closed at once, it is lost.
#[tokio::test]
async fn a_handshake_that_is_under_way_is_lost_by_an_abrupt_close() {
    let pair = Arc::new(Pair::new());
    let release = stop_source();
    let mut served = serve(pair.tls(), ping(), |server| server.close_mode(CloseMode::Abrupt)).await;
    let mut going = half_handshake(&pair, served.addr, release.token());
    until(|| served.work.in_flight() == 1).await;
    served.stop();
    served.ended().await;
    release.stop(cause(), None);
    assert!(going.join_next().await.unwrap().unwrap().is_err());
}

/// A connection on which nothing but half of the client's first message comes.
async fn stopped_handshake(pair: &Pair, addr: SocketAddr) -> Client {
    let name = ServerName::try_from("localhost").unwrap();
    let config = Arc::clone(pair.connector(&[]).config());
    let mut hello = Vec::new();
    rustls::ClientConnection::new(config, name).unwrap().write_tls(&mut hello).unwrap();
    let mut client = Client::connect(addr).await.unwrap();
    client.send(&hello[..hello.len() / 2]).await.unwrap();
    client
}

#[tokio::test]
async fn a_handshake_that_stops_ends_at_its_time_and_does_not_hold_the_stop() {
    let clock = PausedClock::new();
    let pair = Pair::new();
    // While the server serves, its own limit ends it.
    let limit = Duration::from_secs(10);
    let mut served = serve(pair.tls(), ping(), |server| server.handshake_timeout(limit)).await;
    let mut client = stopped_handshake(&pair, served.addr).await;
    until(|| served.work.in_flight() == 1).await;
    clock.advance_to_before(limit).await;
    assert!(!client.is_closed(), "before the limit");
    clock.advance_past().await;
    assert!(client.rest().await.0.is_empty());
    served.stop();
    served.ended().await;
    clock.resume();
    // When it stops, the grace does. The kernel measures how long the client has been silent.
    let grace = Duration::from_millis(300);
    let mut served =
        serve(pair.tls(), ping(), |server| server.first_byte_grace(grace).handshake_timeout(LONG)).await;
    let sent = now();
    let mut client = stopped_handshake(&pair, served.addr).await;
    until(|| served.work.in_flight() == 1).await;
    served.stop();
    served.ended().await;
    assert!(sent.elapsed() >= grace, "before the limit");
    assert_eq!((served.work.in_flight(), served.work.cut()), (0, 0));
    assert!(client.rest().await.0.is_empty());
    // At the end of the time it is cut, counted and named.
    let mut served = serve(pair.tls(), ping(), |server| server.first_byte_grace(LONG)).await;
    let mut client = stopped_handshake(&pair, served.addr).await;
    until(|| served.work.in_flight() == 1).await;
    served.stop();
    served.cut();
    served.ended().await;
    assert_eq!(served.work.cut(), 1);
    assert!(served.work.stragglers()[0].name.starts_with("half a TLS handshake from"));
    assert!(client.rest().await.0.is_empty());
}

#[tokio::test]
async fn connections_that_have_sent_nothing_have_their_grace_before_and_behind_the_handshake() {
    let pair = Pair::new();
    let mut served = serve(pair.tls(), ping(), |server| server.first_byte_grace(LONG)).await;
    let silent = TcpStream::connect(served.addr).await.unwrap();
    let mut shaken = pair.connect(served.addr).await.unwrap();
    served.stop();
    served.draining().await;
    assert!(served.is_running());
    shaken.send(PING).await.unwrap();
    assert!(shaken.answer().await.unwrap().closes());
    let mut silent = Client::over(pair.over(silent, &[]).await.unwrap());
    silent.send(PING).await.unwrap();
    assert!(silent.answer().await.unwrap().closes());
    drop((shaken, silent));
    served.ended().await;
}

#[tokio::test]
async fn who_does_not_speak_tls_is_let_go() {
    let pair = Pair::new();
    let mut served = serve(pair.tls(), ping(), |server| server).await;
    let mut client = Client::connect(served.addr).await.unwrap();
    client.send(PING).await.unwrap();
    let (bytes, _) = client.rest().await;
    assert!(!bytes.starts_with(b"HTTP"));
    let mut client = pair.connect(served.addr).await.unwrap();
    client.send(PING).await.unwrap();
    assert!(client.answer().await.unwrap().is_ok());
    served.stop();
    drop(client);
    served.ended().await;
    assert_eq!((served.work.finished(), served.work.cut()), (1, 0));
}
