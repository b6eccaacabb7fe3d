//! Incomplete TLS records, records without HTTP data, and how TLS connections end.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ebbtide::drain::StopSource;
use ebbtide::http::{Listener, Server, rustls};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::pair::{Halting, Pair, flush_now, serve};
use crate::cancelled::Streamed;
use crate::support::{
    Client, PING, PING_CLOSE, PausedClock, Served, cause, ping, serve_on, stop_source, until,
};

/// Returns a keep-alive connection on which the beginning of a request has arrived, in an incomplete record.
async fn half_record(
    pair: &Pair,
    served: &Served,
    until: &StopSource,
) -> Client<TlsStream<Halting<TcpStream>>> {
    let stream = TcpStream::connect(served.addr).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let stream = Halting::new(stream, usize::MAX, until.token());
    let mut client = Client::new(pair.over(stream, &[]).await.unwrap());
    client.send(PING).await.unwrap();
    assert!(client.response().await.unwrap().is_ok());
    client.stream.get_mut().0.halt_after(20, until.token());
    client.stream.write_all(PING).await.unwrap();
    let _ = flush_now(&mut client.stream).await;
    client
}

/// Bytes of an incomplete record are in TLS's buffer, where a look at the socket does not find them.
#[tokio::test]
async fn a_request_in_an_incomplete_tls_record_is_awaited_and_answered() {
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
    let answer = client.response().await.expect("a response");
    assert!(answer.is_ok() && answer.closes);
    drop(client);
    served.ended().await;
    assert_eq!((served.work.finished(), served.work.cancelled()), (2, 0));
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
    assert!(client.rest().await.received.is_empty());
}

/// A record that is not for HTTP, such as a key update, begins no request and ends no connection.
#[tokio::test]
async fn a_tls_record_without_http_data_changes_nothing() {
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
        assert!(client.response().await.unwrap().is_ok());
    }
    drop(client);
    served.stop();
    served.ended().await;
}

/// Without `close_notify` a client must treat the end as a truncation (RFC 8446 §6.1).
#[tokio::test]
async fn connections_end_with_close_notify() {
    let pair = Pair::new();
    let mut served = serve(pair.tls(), ping(), |server| server.idle_quiet(Duration::from_millis(50))).await;
    let mut told = pair.connect(served.addr).await.unwrap();
    told.send(PING_CLOSE).await.unwrap();
    assert!(told.response().await.unwrap().is_ok());
    assert!(told.rest().await.is_eof());
    let mut idle = pair.connect(served.addr).await.unwrap();
    idle.send(PING).await.unwrap();
    assert!(idle.response().await.unwrap().is_ok());
    served.stop();
    served.ended().await;
    let end = idle.rest().await;
    assert!(end.received.is_empty() && end.is_eof(), "{end:?}");
}

/// The opposite: the server just drops the connection.
#[tokio::test]
async fn a_dropped_tls_connection_looks_truncated() {
    let pair = Pair::new();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let key = rustls::pki_types::pem::PemObject::from_pem_file(pair.key()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let config = builder.with_single_cert(vec![pair.certificate.clone()], key).unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let accepting = async {
        let (stream, _) = listener.accept().await.unwrap();
        drop(acceptor.accept(stream).await.unwrap());
    };
    let (client, ()) = tokio::join!(pair.connect(addr), accepting);
    let end = client.unwrap().rest().await;
    assert_eq!(end.end, ebbtide_http1::End::Error(ErrorKind::UnexpectedEof));
}

/// Over HTTP/1.0 the end of the connection is the end of the body: a truncation must not look like one.
#[tokio::test]
async fn a_cancelled_body_over_tls_looks_truncated() {
    let pair = Pair::new();
    let never = stop_source();
    let token = never.token();
    let stream = async move || axum::body::Body::new(Streamed::new(token));
    let router = ping().route("/stream", axum::routing::get(stream));
    let mut served = serve(pair.tls(), router, |server| server).await;
    let mut client = pair.connect(served.addr).await.unwrap();
    client.send(b"GET /stream HTTP/1.0\r\n\r\n").await.unwrap();
    let mut byte = [0];
    client.stream.read_exact(&mut byte).await.unwrap();
    served.stop();
    served.cancelled();
    served.ended().await;
    assert!(!client.rest().await.is_eof());
    assert_eq!(served.work.cancelled(), 1);
}

/// The service has returned the body, and the rest waits in this process's buffers for a client that reads slowly.
#[tokio::test]
async fn a_response_that_is_read_slowly_arrives_whole() {
    const LENGTH: usize = 24 * 1024 * 1024;
    let pair = Pair::new();
    let router = ping().route("/big", axum::routing::get(async || vec![b'x'; LENGTH]));
    let mut served = serve(pair.tls(), router, |server| server.idle_quiet(Duration::ZERO)).await;
    let mut client = pair.connect(served.addr).await.unwrap();
    client.send(b"GET /big HTTP/1.0\r\n\r\n").await.unwrap();
    let mut byte = [0];
    client.stream.read_exact(&mut byte).await.unwrap();
    until(|| served.work.in_flight() == 1).await;
    served.stop();
    served.draining().await;
    assert!(served.is_running());
    let end = client.rest().await;
    assert!(end.is_eof() && end.received.len() > LENGTH, "{} bytes, {:?}", end.received.len(), end.end);
    drop(client);
    served.ended().await;
    assert_eq!((served.work.finished(), served.work.cancelled()), (1, 0));
}

/// Wherever the end of a response is when the socket accepts no more: in hyper's buffer, in that of TLS or in the kernel's.
#[tokio::test]
async fn a_response_whose_end_is_in_tls_buffers_arrives_whole() {
    // The last of many clients reads late: on a busy machine later than the stall time allows.
    let _clock = PausedClock::new();
    let pair = Pair::new();
    let sent = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&sent);
    let body = async move |axum::extract::Path(length): axum::extract::Path<usize>| {
        count.fetch_add(1, Ordering::SeqCst);
        vec![b'x'; length]
    };
    let router = axum::Router::new().route("/{length}", axum::routing::get(body));
    // The kernel's buffers are small, so that the other buffers fill.
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.set_send_buffer_size(16 * 1024).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    socket.listen(100).unwrap();
    let listener = Listener::from_std(socket.into()).unwrap().tls(pair.tls());
    let addr = listener.local_addr().tcp().unwrap();
    let mut served = serve_on(listener, addr, router, |server| server.idle_quiet(Duration::ZERO));
    let mut clients = Vec::new();
    for length in (8..=256).step_by(4).map(|length| length * 1024) {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let stream = socket.connect(addr).await.unwrap();
        let mut client = Client::new(pair.over(stream, &[]).await.unwrap());
        client.get(&format!("/{length}")).await.unwrap();
        clients.push((length, client));
    }
    until(|| sent.load(Ordering::SeqCst) == clients.len() as u64).await;
    // Each response is sent as far as possible.
    until(|| served.work.stragglers().iter().all(|each| each.name.starts_with("the rest of a response")))
        .await;
    assert!(served.work.in_flight() > 0);
    served.stop();
    served.draining().await;
    for (length, client) in &mut clients {
        let answer = client
            .response()
            .await
            .unwrap_or_else(|end| panic!("{length} bytes are not whole: {:?}", end.end));
        assert_eq!(answer.body.len(), *length);
    }
    clients.clear();
    served.ended().await;
    assert_eq!(served.work.cancelled(), 0);
}
