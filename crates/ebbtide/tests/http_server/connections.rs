//! Single connections in every state that a shutdown can find them in.

use std::time::Duration;

use ebbtide::http::CloseMode;

use crate::support::{
    Client, LONG, PING, PausedClock, SLOW, Served, accepted, ping, serve, slow, stop_source, until,
};

#[tokio::test]
async fn the_close_is_announced_from_the_signal_on_and_not_before() {
    let mut served = serve(ping(), |server| server).await;
    let mut client = Client::connect(served.addr).await.unwrap();
    client.send(PING).await.unwrap();
    assert!(!client.response().await.unwrap().closes);
    served.announce();
    client.send(PING).await.unwrap();
    assert!(client.response().await.unwrap().closes);
    assert!(client.rest().await.is_eof(), "the connection is closed in order");
    // The lame duck continues: new connections are served, and their close is announced too.
    let mut late = Client::connect(served.addr).await.unwrap();
    late.send(PING).await.unwrap();
    assert!(late.response().await.unwrap().closes);
    served.stop();
    drop(client);
    served.ended().await;
}

#[tokio::test]
async fn an_http_1_0_client_keeps_its_connection_until_the_close_is_announced() {
    const KEEP: &[u8] = b"GET /ping HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
    let mut served = serve(ping(), |server| server).await;
    let mut client = Client::connect(served.addr).await.unwrap();
    for _ in 0..2 {
        client.send(KEEP).await.unwrap();
        let answer = client.response().await.expect("a response");
        assert!(answer.is_ok() && answer.header("connection") == Some("keep-alive"), "{answer:?}");
    }
    served.announce();
    client.send(KEEP).await.unwrap();
    let answer = client.response().await.expect("a response");
    assert!(answer.is_ok() && answer.closes && answer.header("connection") == Some("close"), "{answer:?}");
    assert!(client.rest().await.is_eof());
    // Without keep-alive a client gets one response and then the end, before and after the signal.
    for _ in 0..2 {
        let mut client = Client::connect(served.addr).await.unwrap();
        client.send(b"GET /ping HTTP/1.0\r\n\r\n").await.unwrap();
        assert!(client.response().await.expect("an answer").is_ok());
        assert!(client.rest().await.is_eof());
    }
    served.stop();
    drop(client);
    served.ended().await;
    assert_eq!((served.work.finished(), served.work.cancelled()), (5, 0));
}

#[tokio::test]
async fn the_announcement_can_wait_until_the_end_of_the_lame_duck() {
    let mut served = serve(ping(), |server| server.announce_close(false)).await;
    let mut client = Client::connect(served.addr).await.unwrap();
    served.announce();
    client.send(PING).await.unwrap();
    assert!(!client.response().await.unwrap().closes);
    served.stop();
    assert!(served.is_running());
    client.send(PING).await.unwrap();
    assert!(client.response().await.unwrap().closes);
    drop(client);
    served.ended().await;
}

#[tokio::test]
async fn a_connection_silent_at_the_stop_signal_is_answered() {
    let clock = PausedClock::new();
    let grace = Duration::from_secs(10);
    let mut served = serve(ping(), |server| server.first_byte_grace(grace)).await;
    let mut client = Client::connect(served.addr).await.unwrap();
    accepted(served.addr).await;
    served.stop();
    served.draining().await;
    clock.advance_to_before(grace).await;
    assert!(served.is_running(), "the silent connection is kept for its grace time");
    client.send(PING).await.unwrap();
    let answer = client.response().await.expect("a response");
    assert!(answer.is_ok() && answer.closes);
    drop(client);
    served.ended().await;
}

/// The opposite: hyper's own graceful shutdown closes it at once.
#[tokio::test]
async fn an_abrupt_close_loses_a_silent_connection() {
    let mut served = serve(ping(), |server| server.close_mode(CloseMode::Abrupt)).await;
    let mut client = Client::connect(served.addr).await.unwrap();
    accepted(served.addr).await;
    served.stop();
    served.ended().await;
    let _ = client.send(PING).await;
    assert!(client.response().await.is_err());
}

#[tokio::test]
async fn a_silent_connection_is_closed_after_its_grace_time() {
    let clock = PausedClock::new();
    let grace = Duration::from_secs(10);
    let mut served = serve(ping(), |server| server.first_byte_grace(grace)).await;
    let mut client = Client::connect(served.addr).await.unwrap();
    accepted(served.addr).await;
    served.stop();
    served.draining().await;
    clock.advance_to_before(grace).await;
    assert!(served.is_running() && client.is_quiet());
    clock.advance_past().await;
    served.ended().await;
    assert_eq!(served.work.cancelled(), 0);
    assert!(client.rest().await.received.is_empty());
}

#[tokio::test]
async fn a_head_half_sent_at_the_stop_signal_is_answered() {
    let mut served = serve(ping(), |server| server).await;
    let mut client = Client::connect(served.addr).await.unwrap();
    client.send(&PING[..20]).await.unwrap();
    until(|| served.work.in_flight() == 1).await;
    let name = served.work.stragglers()[0].name.clone();
    assert_eq!(name, format!("half a request head from {}", client.stream.local_addr().unwrap()));
    served.stop();
    served.draining().await;
    assert!(served.is_running());
    client.send(&PING[20..]).await.unwrap();
    let answer = client.response().await.expect("a response");
    assert!(answer.is_ok() && answer.closes);
    drop(client);
    served.ended().await;
    assert_eq!((served.work.finished(), served.work.in_flight()), (1, 0));
}

#[tokio::test]
async fn a_half_sent_head_ends_at_its_timeout_with_and_without_a_shutdown() {
    let clock = PausedClock::new();
    let limit = Duration::from_secs(10);
    let mut served = serve(ping(), |server| server.header_timeout(limit)).await;
    let mut first = Client::connect(served.addr).await.unwrap();
    first.send(&PING[..20]).await.unwrap();
    ends_at_the_limit(&clock, limit, &served, &mut first).await;
    // Also after a complete request, and with bytes that arrive one at a time.
    let mut second = Client::connect(served.addr).await.unwrap();
    second.send(PING).await.unwrap();
    assert!(second.response().await.unwrap().is_ok());
    second.send(b"G").await.unwrap();
    ends_at_the_limit(&clock, limit, &served, &mut second).await;
    let mut third = Client::connect(served.addr).await.unwrap();
    third.send(b"\r\n\r\n").await.unwrap();
    ends_at_the_limit(&clock, limit, &served, &mut third).await;
    let mut fourth = Client::connect(served.addr).await.unwrap();
    fourth.send(b"G").await.unwrap();
    until(|| served.work.in_flight() == 1).await;
    served.stop();
    served.draining().await;
    ends_at_the_limit(&clock, limit, &served, &mut fourth).await;
    served.ended().await;
    assert_eq!(served.work.cancelled(), 0);
}

/// Checks that a connection with half a head that was just sent ends at the limit, and not before.
async fn ends_at_the_limit(clock: &PausedClock, limit: Duration, served: &Served, client: &mut Client) {
    until(|| served.work.in_flight() == 1).await;
    clock.advance_to_before(limit).await;
    assert!(client.is_quiet(), "before the limit");
    clock.advance_past().await;
    assert!(client.rest().await.received.is_empty());
}

#[tokio::test]
async fn a_pipelined_request_is_answered_too() {
    let release = stop_source();
    let mut served =
        serve(slow(release.token()), |server| server.idle_quiet(Duration::from_millis(50))).await;
    // Both requests at once; and the second one while the first is served.
    let mut at_once = Client::connect(served.addr).await.unwrap();
    at_once.send(&[SLOW, PING].concat()).await.unwrap();
    let mut later = Client::connect(served.addr).await.unwrap();
    later.send(SLOW).await.unwrap();
    until(|| served.work.in_flight() == 2).await;
    later.send(PING).await.unwrap();
    served.stop();
    served.draining().await;
    release.stop(crate::support::cause(), None);
    for mut client in [at_once, later] {
        let first = client.response().await.expect("the first response");
        assert!(first.body == b"slow pong" && !first.closes);
        assert_eq!(client.response().await.expect("the second answer").body, b"pong");
    }
    served.ended().await;
    assert_eq!((served.work.finished(), served.work.cancelled()), (4, 0));
}

/// The request arrives while the first response is being made, when the server has not read it yet.
#[tokio::test]
async fn a_pipelined_request_that_is_still_unread_is_answered_too() {
    let release = stop_source();
    let mut served =
        serve(slow(release.token()), |server| server.idle_quiet(Duration::from_millis(50))).await;
    let mut client = Client::connect(served.addr).await.unwrap();
    client.send(SLOW).await.unwrap();
    until(|| served.work.in_flight() == 1).await;
    served.stop();
    served.draining().await;
    // No task of the server runs between the two: this runtime has one thread.
    assert_eq!(client.stream.try_write(PING).unwrap(), PING.len());
    release.stop(crate::support::cause(), None);
    let first = client.response().await.expect("the first response");
    assert!(first.body == b"slow pong" && !first.closes);
    assert!(client.response().await.expect("the second response").closes);
    drop(client);
    served.ended().await;
    assert_eq!((served.work.finished(), served.work.cancelled()), (2, 0));
}

#[tokio::test]
async fn a_request_in_flight_at_the_stop_signal_finishes() {
    let clock = PausedClock::new();
    let release = stop_source();
    let mut served = serve(slow(release.token()), |server| server).await;
    let mut client = Client::connect(served.addr).await.unwrap();
    client.send(SLOW).await.unwrap();
    until(|| served.work.in_flight() == 1).await;
    served.stop();
    served.draining().await;
    clock.advance(LONG / 2).await;
    assert!(served.is_running());
    let straggler = served.work.stragglers().remove(0);
    assert_eq!(straggler.name, format!("GET /slow from {}", client.stream.local_addr().unwrap()));
    assert_eq!(straggler.age, LONG / 2);
    release.stop(crate::support::cause(), None);
    let answer = client.response().await.expect("a response");
    assert!(answer.body == b"slow pong" && answer.closes);
    drop(client);
    served.ended().await;
    assert_eq!((served.work.finished(), served.work.cancelled()), (1, 0));
}

#[tokio::test]
async fn a_closed_connection_waits_for_its_client_for_the_linger_time_only() {
    let clock = PausedClock::new();
    let linger = Duration::from_secs(10);
    let mut served = serve(ping(), |server| server.linger(linger)).await;
    let mut client = Client::connect(served.addr).await.unwrap();
    client.send(PING).await.unwrap();
    assert!(client.response().await.unwrap().is_ok());
    served.stop();
    client.send(PING).await.unwrap();
    assert!(client.response().await.unwrap().closes);
    assert!(client.rest().await.is_eof(), "the server closes its half");
    clock.advance_to_before(linger).await;
    assert!(served.is_running(), "the client may still be sending");
    clock.advance_past().await;
    served.ended().await;
}

#[tokio::test]
async fn quiet_connections_do_not_delay_the_shutdown() {
    let quiet = Duration::from_millis(200);
    let mut served = serve(ping(), |server| server.idle_quiet(quiet)).await;
    let mut client = Client::connect(served.addr).await.unwrap();
    client.send(PING).await.unwrap();
    assert!(client.response().await.unwrap().is_ok());
    // The client's pause. The kernel measures it, so it is real time.
    tokio::time::sleep(quiet * 2).await;
    let _clock = PausedClock::new();
    served.stop();
    served.ended().await; // the clock does not advance
    assert!(client.rest().await.is_eof());
}

/// The opposite: a connection that was just used may get another request.
#[tokio::test]
async fn recently_used_connections_are_kept_for_the_quiet_time() {
    let clock = PausedClock::new();
    let quiet = Duration::from_secs(100);
    let mut served = serve(ping(), |server| server.idle_quiet(quiet)).await;
    let mut client = Client::connect(served.addr).await.unwrap();
    client.send(PING).await.unwrap();
    assert!(client.response().await.unwrap().is_ok());
    served.stop();
    served.draining().await;
    // The server subtracts the time for which the kernel has seen no data, in real time: less than half of this.
    clock.advance(quiet / 2).await;
    assert!(served.is_running() && client.is_quiet());
    clock.advance(quiet / 2).await;
    clock.advance_past().await;
    assert!(client.rest().await.is_eof());
    drop(client);
    served.ended().await;
}

#[tokio::test]
async fn an_idle_server_ends_at_once() {
    let _clock = PausedClock::new();
    let mut served = serve(ping(), |server| server).await;
    accepted(served.addr).await;
    served.stop();
    served.ended().await; // the clock does not advance
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_answered_503() {
    let clock = PausedClock::new();
    let (never, limit) = (stop_source(), Duration::from_secs(10));
    let served = serve(slow(never.token()), |server| server.request_timeout(limit)).await;
    let mut client = Client::connect(served.addr).await.unwrap();
    client.send(SLOW).await.unwrap();
    until(|| served.work.in_flight() == 1).await;
    clock.advance_to_before(limit).await;
    assert_eq!(served.work.in_flight(), 1, "before the limit");
    clock.advance_past().await;
    assert!(client.response().await.unwrap().status == 503);
    client.send(PING).await.unwrap();
    assert!(client.response().await.unwrap().is_ok());
}

#[tokio::test]
async fn requests_count_as_arrivals_from_the_signal_on_and_probes_do_not() {
    let arrivals = ebbtide::drain::Arrivals::new();
    let noted = arrivals.clone();
    let mut served = serve(ping(), |server| server.arrivals(arrivals)).await;
    accepted(served.addr).await;
    assert_eq!(noted.count(), 0);
    served.announce();
    accepted(served.addr).await;
    assert_eq!(noted.count(), 1);
    let mut probe = Client::connect(served.addr).await.unwrap();
    probe.get("/readyz").await.unwrap();
    assert!(probe.response().await.is_ok());
    assert_eq!(noted.count(), 1);
    drop(probe);
    served.stop();
    served.ended().await;
}
