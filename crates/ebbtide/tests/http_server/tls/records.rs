//! Records that are not whole, or not for HTTP.

use std::time::Duration;

use ebbtide::drain::StopSource;
use ebbtide::http::Server;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::halting::{Halting, flush_now};
use super::pair::{Pair, serve};
use crate::support::{Client, PING, PausedClock, Served, cause, ping, stop_source, until};

/// A keep-alive connection on which the beginning of a request has come, in a record that is not whole.
async fn half_record(
    pair: &Pair,
    served: &Served,
    until: &StopSource,
) -> Client<TlsStream<Halting<TcpStream>>> {
    let stream = TcpStream::connect(served.addr).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let stream = Halting::new(stream, usize::MAX, until.token());
    let mut client = Client::over(pair.over(stream, &[]).await.unwrap());
    client.send(PING).await.unwrap();
    assert!(client.answer().await.unwrap().is_ok());
    client.stream.get_mut().0.halt_after(20, until.token());
    client.stream.write_all(PING).await.unwrap();
    let _ = flush_now(&mut client.stream).await;
    client
}

/// What waits for the rest of its record is in no buffer that a look at the socket would find.
#[tokio::test]
async fn a_request_in_half_a_record_is_waited_for_and_answered() {
    let clock = PausedClock::new();
    let pair = Pair::new();
    let release = stop_source();
    let limit = Duration::from_secs(10);
    let settings = |server: Server<axum::Router>| server.idle_quiet(Duration::ZERO).header_timeout(limit);
    let mut served = serve(pair.tls(), ping(), settings).await;
    let mut client = half_record(&pair, &served, &release).await;
    until(|| served.work.in_flight() == 1).await;
    assert!(served.work.stragglers()[0].name.starts_with("half a TLS record from 127.0.0.1:"));
    served.stop();
    served.draining().await;
    clock.advance_to_before(limit).await;
    assert!(served.is_running());
    release.stop(cause(), None);
    client.stream.flush().await.unwrap();
    let answer = client.answer().await.expect("an answer");
    assert!(answer.is_ok() && answer.closes());
    drop(client);
    served.ended().await;
    assert_eq!((served.work.finished(), served.work.cut()), (2, 0));
}

#[tokio::test]
async fn half_a_record_ends_at_the_header_timeout() {
    let clock = PausedClock::new();
    let pair = Pair::new();
    let never = stop_source();
    let limit = Duration::from_secs(10);
    let served = serve(pair.tls(), ping(), |server| server.header_timeout(limit)).await;
    let mut client = half_record(&pair, &served, &never).await;
    until(|| served.work.in_flight() == 1).await;
    clock.advance_to_before(limit).await;
    assert_eq!(served.work.in_flight(), 1, "before the limit");
    clock.advance_past().await;
    assert!(client.rest().await.0.is_empty());
}

/// A record that is not for HTTP, such as a new key, begins no request and ends no connection.
#[tokio::test]
async fn a_record_of_tls_itself_changes_nothing() {
    let clock = PausedClock::new();
    let pair = Pair::new();
    let limit = Duration::from_secs(5);
    let mut served = serve(pair.tls(), ping(), |server| server.header_timeout(limit)).await;
    let mut client = pair.connect(served.addr).await.unwrap();
    for _ in 0..3 {
        client.stream.get_mut().1.refresh_traffic_keys().unwrap();
        client.stream.flush().await.unwrap();
        clock.advance(limit * 2).await;
        assert_eq!(served.work.in_flight(), 0);
        client.send(PING).await.unwrap();
        assert!(client.answer().await.unwrap().is_ok());
    }
    drop(client);
    served.stop();
    served.ended().await;
}
