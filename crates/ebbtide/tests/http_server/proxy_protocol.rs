//! The load balancer sends the client's address (the PROXY protocol, versions 1 and 2).

use std::net::Ipv6Addr;
use std::time::Duration;

use axum::extract::Extension;
use ebbtide::drain::Stop;
use ebbtide::http::{Listener, Peer, Server};

use crate::support::{
    Client, LONG, PING, PausedClock, SLOW, Served, cause, now, serve_on, settle, slow, stop_source, until,
};

const V1: &[u8] = b"PROXY TCP4 192.0.2.1 192.0.2.2 1234 80\r\n";
const V1_IPV6: &[u8] = b"PROXY TCP6 2001:db8::1 2001:db8::2 1234 80\r\n";
const V1_UNKNOWN: &[u8] = b"PROXY UNKNOWN\r\n";
const PEER: &[u8] = b"GET /peer HTTP/1.1\r\nHost: test\r\n\r\n";

fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
    [b"\r\n\r\n\0\r\nQUIT\n".as_slice(), &[0x20 | command, family], &length, rest].concat()
}

fn v2_ipv4(behind: &[u8]) -> Vec<u8> {
    v2(1, 0x11, &[&[192, 0, 2, 1, 192, 0, 2, 2, 0x04, 0xd2, 0, 80], behind].concat())
}

fn v2_ipv6() -> Vec<u8> {
    let (from, to): (Ipv6Addr, Ipv6Addr) = ("2001:db8::1".parse().unwrap(), Ipv6Addr::LOCALHOST);
    v2(1, 0x21, &[from.octets().as_slice(), &to.octets(), &[0x04, 0xd2, 0, 80]].concat())
}

async fn serve(with: impl FnOnce(Server<axum::Router>) -> Server<axum::Router>, until: Stop) -> Served {
    let listener = Listener::bind("127.0.0.1:0").await.unwrap().proxy_protocol();
    let addr = listener.local_addr().tcp().unwrap();
    let peer = async |Extension(Peer(peer)): Extension<Peer>| peer.to_string();
    let router = slow(until).route("/peer", axum::routing::get(peer));
    serve_on(listener, addr, router, |server| with(server.peer_info(true)))
}

#[tokio::test]
async fn the_client_address_is_taken_from_the_proxy_header() {
    let release = stop_source();
    let mut served = serve(|server| server, release.token()).await;
    let tlvs = [3, 0, 4, 1, 2, 3, 4, 0xe0, 0, 0];
    for (header, source) in [
        (V1.to_vec(), Some("192.0.2.1:1234")),
        (V1_IPV6.to_vec(), Some("[2001:db8::1]:1234")),
        (V1_UNKNOWN.to_vec(), None),
        (v2_ipv4(&[]), Some("192.0.2.1:1234")),
        (v2_ipv4(&tlvs), Some("192.0.2.1:1234")),
        (v2_ipv6(), Some("[2001:db8::1]:1234")),
        // LOCAL: a connection of the load balancer itself, such as its health check.
        (v2(0, 0x00, &[]), None),
        (v2(0, 0x11, &[192, 0, 2, 1, 192, 0, 2, 2, 0x04, 0xd2, 0, 80]), None),
        (v2(1, 0x00, &[]), None),
        (v2(1, 0x31, &[0; 216]), None),
    ] {
        // In one write; and in two parts, split at each position.
        for cancelled in [0].into_iter().chain(1..=header.len()) {
            let mut client = Client::connect(served.addr).await.unwrap();
            let all = [header.as_slice(), PEER].concat();
            if cancelled > 0 {
                client.send(&all[..cancelled]).await.unwrap();
                settle().await;
            }
            if (1..header.len()).contains(&cancelled) {
                until(|| served.work.in_flight() == 1).await;
            }
            client.send(&all[cancelled..]).await.unwrap();
            let answer = client.response().await.expect("a response");
            let own = client.stream.local_addr().unwrap().to_string();
            assert_eq!(
                String::from_utf8(answer.body).unwrap(),
                source.unwrap_or(&own),
                "{header:?} at {cancelled}"
            );
        }
    }
    let mut client = Client::connect(served.addr).await.unwrap();
    client.send(&[V1, SLOW].concat()).await.unwrap();
    until(|| served.work.in_flight() == 1).await;
    assert_eq!(served.work.stragglers()[0].name, "GET /slow from 192.0.2.1:1234");
    served.stop();
    release.stop(cause(), None);
    assert!(client.response().await.unwrap().closes);
    drop(client);
    served.ended().await;
}

#[tokio::test]
async fn a_client_without_a_valid_proxy_header_is_never_served() {
    let never = stop_source();
    let mut served = serve(|server| server, never.token()).await;
    for bytes in [
        PING.to_vec(),
        b"POST /ping HTTP/1.1\r\nHost: test\r\n\r\n".to_vec(),
        [b"PROXY TCP4 localhost 192.0.2.2 1234 80\r\n", PING].concat(),
        [b"PROXY TCP4 192.0.2.1 192.0.2.2 123456 80\r\n".as_slice(), PING].concat(),
        [v2(2, 0x11, &[0; 12]), PING.to_vec()].concat(),
        [v2(1, 0x51, &[0; 12]), PING.to_vec()].concat(),
        [b"PROXY TCP4 ".as_slice(), &[b'1'; 4000]].concat(),
    ] {
        let mut client = Client::connect(served.addr).await.unwrap();
        let _ = client.send(&bytes).await;
        assert!(
            client.rest().await.received.is_empty(),
            "{:?} was answered",
            String::from_utf8_lossy(&bytes)
        );
    }
    assert_eq!(served.work.finished(), 0);
    served.stop();
    served.ended().await;
    assert_eq!(served.work.cancelled(), 0);
}

#[tokio::test]
async fn half_a_proxy_header_times_out_and_does_not_delay_the_shutdown() {
    let clock = PausedClock::new();
    let never = stop_source();
    let limit = Duration::from_secs(10);
    let served = serve(|server| server.handshake_timeout(limit), never.token()).await;
    let mut client = Client::connect(served.addr).await.unwrap();
    client.send(&V1[..20]).await.unwrap();
    until(|| served.work.in_flight() == 1).await;
    clock.advance_to_before(limit).await;
    assert!(client.is_quiet(), "before the limit");
    clock.advance_past().await;
    assert!(client.rest().await.received.is_empty());
    clock.resume();
    // During the shutdown the grace time applies. The kernel measures how long the client has been silent.
    let grace = Duration::from_millis(300);
    let mut served =
        serve(|server| server.handshake_timeout(LONG).first_byte_grace(grace), never.token()).await;
    let mut client = Client::connect(served.addr).await.unwrap();
    let sent = now();
    client.send(&V1[..20]).await.unwrap();
    until(|| served.work.in_flight() == 1).await;
    let name = format!("half a PROXY header from {}", client.stream.local_addr().unwrap());
    assert_eq!(served.work.stragglers()[0].name, name);
    served.stop();
    served.ended().await;
    assert!(sent.elapsed() >= grace, "before the limit");
    assert!(client.rest().await.received.is_empty());
}

#[tokio::test]
async fn a_proxy_header_half_sent_at_the_stop_signal_is_completed_and_served() {
    let never = stop_source();
    let mut served = serve(|server| server.first_byte_grace(LONG), never.token()).await;
    let mut client = Client::connect(served.addr).await.unwrap();
    client.send(&V1[..20]).await.unwrap();
    until(|| served.work.in_flight() == 1).await;
    served.stop();
    served.draining().await;
    assert!(served.is_running());
    client.send(&V1[20..]).await.unwrap();
    client.send(PING).await.unwrap();
    assert!(client.response().await.expect("an answer").closes);
    drop(client);
    served.ended().await;
}

/// Bytes after the header belong to the request's head, with that head's own limit.
#[tokio::test]
async fn half_a_head_after_the_proxy_header_has_the_heads_limit() {
    let clock = PausedClock::new();
    let never = stop_source();
    let limit = Duration::from_secs(5); // less than the one for the header
    let served = serve(|server| server.header_timeout(limit), never.token()).await;
    let mut client = Client::connect(served.addr).await.unwrap();
    client.send(&[V1, &PING[..10]].concat()).await.unwrap();
    until(|| served.work.in_flight() == 1).await;
    clock.advance_to_before(limit).await;
    assert!(client.is_quiet(), "before the limit");
    clock.advance_past().await;
    assert!(client.rest().await.received.is_empty());
}

#[cfg(feature = "tls")]
#[tokio::test]
async fn tls_works_after_the_proxy_header() {
    use tokio::io::AsyncWriteExt;

    use crate::tls::Pair;
    let pair = Pair::new();
    let listener = Listener::bind("127.0.0.1:0").await.unwrap().proxy_protocol().tls(pair.tls());
    let addr = listener.local_addr().tcp().unwrap();
    let peer = async |Extension(Peer(peer)): Extension<Peer>| peer.to_string();
    let router = axum::Router::new().route("/peer", axum::routing::get(peer));
    let mut served = serve_on(listener, addr, router, |server| server.peer_info(true));
    // Separately, and in one packet with the client's first message.
    for joined in [false, true] {
        let mut stream = tokio::io::BufWriter::new(Client::connect(addr).await.unwrap().stream);
        stream.write_all(V1).await.unwrap();
        if !joined {
            stream.flush().await.unwrap();
        }
        let mut client = Client::new(pair.over(stream, &[]).await.unwrap());
        client.send(PEER).await.unwrap();
        assert_eq!(client.response().await.expect("an answer").body, b"192.0.2.1:1234");
    }
    served.stop();
    served.ended().await;
}

/// The opposite: a client cannot claim an address on a server without the PROXY protocol.
#[tokio::test]
async fn an_unexpected_proxy_header_is_a_bad_request() {
    let mut served = crate::support::serve(crate::support::ping(), |server| server.peer_info(true)).await;
    let mut client = Client::connect(served.addr).await.unwrap();
    client.send(&[V1, PING].concat()).await.unwrap();
    assert!(client.response().await.expect("an answer").status == 400);
    served.stop();
    served.ended().await;
    assert_eq!(served.work.finished(), 0);
}
