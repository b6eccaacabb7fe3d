//! Handshakes that are unfinished or stalled; what client and server negotiate; the certificates, and how they are reloaded.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ebbtide::drain::Stop;
use ebbtide::http::{CloseMode, Listener, Tls, TlsError, rustls};
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinSet;
use tokio_rustls::client::TlsStream;

use super::pair::{Halting, Pair, serve};
use crate::support::{
    Client, LONG, PING, PING_CLOSE, PausedClock, SLOW, cause, now, ping, serve_on, slow, stop_source, until,
};

/// Starts a connection whose handshake pauses in the middle of the client's first message until the token is stopped.
fn half_handshake(pair: &Arc<Pair>, addr: SocketAddr, until: Stop) -> JoinSet<std::io::Result<Bytes>> {
    let (mut going, pair) = (JoinSet::new(), Arc::clone(pair));
    going.spawn(async move {
        let stream = Halting::new(TcpStream::connect(addr).await?, 100, until);
        let mut client = Client::new(pair.over(stream, &[]).await?);
        client.send(PING).await?;
        let answer = client.response().await?;
        assert!(answer.is_ok() && answer.closes);
        Ok(answer.body.into())
    });
    going
}

#[tokio::test]
async fn a_tls_handshake_pending_at_the_stop_signal_is_completed_and_served() {
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
    assert_eq!(going.join_next().await.unwrap().unwrap().expect("the request is served"), "pong");
    served.ended().await;
    assert_eq!((served.work.finished(), served.work.cancelled()), (1, 0));
}

/// The opposite: an immediate close loses the request.
#[tokio::test]
async fn an_abrupt_close_loses_a_pending_tls_handshake() {
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

/// Returns a connection on which only half of the client's first message arrives.
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
async fn a_stalled_tls_handshake_times_out_and_does_not_delay_the_shutdown() {
    let clock = PausedClock::new();
    let pair = Pair::new();
    // Before the shutdown, the handshake's own limit ends it.
    let limit = Duration::from_secs(10);
    let mut served = serve(pair.tls(), ping(), |server| server.handshake_timeout(limit)).await;
    let mut client = stopped_handshake(&pair, served.addr).await;
    until(|| served.work.in_flight() == 1).await;
    clock.advance_to_before(limit).await;
    assert!(client.is_quiet(), "before the limit");
    clock.advance_past().await;
    assert!(client.rest().await.received.is_empty());
    served.stop();
    served.ended().await;
    clock.resume();
    // During the shutdown the grace time applies. The kernel measures how long the client has been silent.
    let grace = Duration::from_millis(300);
    let mut served =
        serve(pair.tls(), ping(), |server| server.first_byte_grace(grace).handshake_timeout(LONG)).await;
    let sent = now();
    let mut client = stopped_handshake(&pair, served.addr).await;
    until(|| served.work.in_flight() == 1).await;
    served.stop();
    served.ended().await;
    assert!(sent.elapsed() >= grace, "before the limit");
    assert_eq!((served.work.in_flight(), served.work.cancelled()), (0, 0));
    assert!(client.rest().await.received.is_empty());
    // At the deadline it is cancelled, counted and named.
    let mut served = serve(pair.tls(), ping(), |server| server.first_byte_grace(LONG)).await;
    let mut client = stopped_handshake(&pair, served.addr).await;
    until(|| served.work.in_flight() == 1).await;
    served.stop();
    served.cancelled();
    served.ended().await;
    assert_eq!(served.work.cancelled(), 1);
    assert!(served.work.stragglers()[0].name.starts_with("half a TLS handshake from"));
    assert!(client.rest().await.received.is_empty());
}

#[tokio::test]
async fn silent_connections_have_a_grace_time_before_and_after_the_tls_handshake() {
    let pair = Pair::new();
    let mut served = serve(pair.tls(), ping(), |server| server.first_byte_grace(LONG)).await;
    let silent = TcpStream::connect(served.addr).await.unwrap();
    let mut shaken = pair.connect(served.addr).await.unwrap();
    served.stop();
    served.draining().await;
    assert!(served.is_running());
    shaken.send(PING).await.unwrap();
    assert!(shaken.response().await.unwrap().closes);
    let mut silent = Client::new(pair.over(silent, &[]).await.unwrap());
    silent.send(PING).await.unwrap();
    assert!(silent.response().await.unwrap().closes);
    drop((shaken, silent));
    served.ended().await;
}

#[tokio::test]
async fn a_client_that_does_not_speak_tls_is_disconnected() {
    let pair = Pair::new();
    let mut served = serve(pair.tls(), ping(), |server| server).await;
    let mut client = Client::connect(served.addr).await.unwrap();
    client.send(PING).await.unwrap();
    let end = client.rest().await;
    assert!(!end.received.starts_with(b"HTTP"));
    let mut client = pair.connect(served.addr).await.unwrap();
    client.send(PING).await.unwrap();
    assert!(client.response().await.unwrap().is_ok());
    served.stop();
    drop(client);
    served.ended().await;
    assert_eq!((served.work.finished(), served.work.cancelled()), (1, 0));
}

async fn ask_http_2<S>(stream: S) -> hyper::Result<Bytes>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let io = TokioIo::new(stream);
    let (mut sender, conn) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await?;
    let mut driver = JoinSet::new();
    driver.spawn(conn);
    let request = http::Request::get("https://localhost/ping").body(Empty::<Bytes>::new()).unwrap();
    Ok(sender.send_request(request).await?.into_body().collect().await?.to_bytes())
}

#[tokio::test]
async fn the_protocol_negotiated_by_alpn_is_used() {
    let pair = Pair::new();
    let mut served = serve(pair.tls(), ping(), |server| server).await;
    let connect = async |protocols: &[&str]| {
        pair.over(TcpStream::connect(served.addr).await.unwrap(), protocols).await.unwrap()
    };
    let stream = connect(&["h2", "http/1.1"]).await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
    assert_eq!(ask_http_2(stream).await.unwrap(), "pong");
    let stream = connect(&["http/1.1"]).await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"http/1.1".as_slice()));
    let mut client = Client::new(stream);
    client.send(PING_CLOSE).await.unwrap();
    assert!(client.response().await.unwrap().is_ok());
    // Without ALPN the first bytes decide.
    let mut client = Client::new(connect(&[]).await);
    client.send(PING_CLOSE).await.unwrap();
    assert!(client.response().await.unwrap().is_ok());
    assert_eq!(ask_http_2(connect(&[]).await).await.unwrap(), "pong");
    // With ALPN they do not.
    assert!(ask_http_2(connect(&["http/1.1"]).await).await.is_err());
    // A protocol that was not offered is not selected.
    let stream = TcpStream::connect(served.addr).await.unwrap();
    assert!(pair.over(stream, &["spdy/3"]).await.is_err());
    served.stop();
    served.ended().await;
}

#[tokio::test]
async fn an_http_2_connection_over_tls_gets_goaway_and_finishes_its_streams() {
    let pair = Pair::new();
    let release = stop_source();
    let mut served = serve(pair.tls(), slow(release.token()), |server| server).await;
    let stream = pair.over(TcpStream::connect(served.addr).await.unwrap(), &["h2"]).await.unwrap();
    let io = TokioIo::new(stream);
    let (mut sender, conn) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
    let mut driver = JoinSet::new();
    driver.spawn(conn);
    let request = http::Request::get("https://localhost/slow").body(Empty::<Bytes>::new()).unwrap();
    let mut asking = JoinSet::new();
    asking.spawn(async move { sender.send_request(request).await.unwrap().into_body().collect().await });
    until(|| served.work.in_flight() == 1).await;
    served.stop();
    assert!(served.is_running());
    release.stop(cause(), None);
    assert_eq!(asking.join_all().await.remove(0).unwrap().to_bytes(), "slow pong");
    served.ended().await;
    // The connection was closed in order: GOAWAY, `close_notify`, end.
    driver.join_next().await.unwrap().unwrap().unwrap();
    assert_eq!((served.work.finished(), served.work.cancelled()), (1, 0));
}

#[tokio::test]
async fn tls_works_over_a_unix_socket() {
    let pair = Pair::new();
    let path = pair.directory.path().join("test.sock");
    let release = stop_source();
    let listener = Listener::bind_unix(&path).await.unwrap().tls(pair.tls());
    let mut served = serve_on(listener, ([0, 0, 0, 0], 0).into(), slow(release.token()), |server| server);
    let stream = UnixStream::connect(&path).await.unwrap();
    let mut client = Client::new(pair.over(stream, &[]).await.unwrap());
    client.send(SLOW).await.unwrap();
    until(|| served.work.in_flight() == 1).await;
    served.stop();
    release.stop(cause(), None);
    assert!(client.response().await.unwrap().closes);
    assert!(client.rest().await.is_eof());
    drop(client);
    served.ended().await;
}

#[tokio::test]
async fn certificates_are_reloaded_without_a_restart() {
    let mut pair = Pair::new();
    let tls = pair.tls();
    let first = pair.certificate.clone();
    let mut served = serve(tls.clone(), ping(), |server| server).await;
    let mut old = pair.connect(served.addr).await.unwrap();
    let shown = |client: &Client<TlsStream<TcpStream>>| {
        client.stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
    };
    assert_eq!(shown(&old), first);
    pair.renew();
    // New files alone change nothing.
    assert_eq!(shown(&pair.connect(served.addr).await.unwrap()), first);
    tls.reload().unwrap();
    let new = pair.connect(served.addr).await.unwrap();
    assert_eq!(shown(&new), pair.certificate);
    assert_ne!(shown(&new), first);
    // The old connection continues.
    old.send(PING).await.unwrap();
    assert!(old.response().await.unwrap().is_ok());
    drop((old, new));
    served.stop();
    served.ended().await;
}

/// Returns the error of `tls.reload()` when a file has become `content`.
fn refusal(tls: &Tls, path: &Path, content: &str) -> TlsError {
    let good = std::fs::read(path).unwrap();
    std::fs::write(path, content).unwrap();
    let error = tls.reload().unwrap_err();
    std::fs::write(path, good).unwrap();
    error
}

#[tokio::test]
async fn a_broken_file_leaves_the_old_certificates_in_place_and_is_named() {
    let pair = Pair::new();
    let tls = pair.tls();
    let mut served = serve(tls.clone(), ping(), |server| server).await;
    let (certificates, key) = (pair.certificates(), pair.key());
    let says = |error: TlsError, path: &Path, what: &str| {
        let said = match std::error::Error::source(&error) {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        };
        assert!(said.contains(path.to_str().unwrap()) && said.contains(what), "{said}");
    };
    says(refusal(&tls, &certificates, ""), &certificates, "no certificate in");
    says(refusal(&tls, &certificates, "no certificate"), &certificates, "no certificate in");
    says(refusal(&tls, &key, ""), &key, "no private key in");
    let half = std::fs::read_to_string(&certificates).unwrap();
    says(refusal(&tls, &certificates, &half[..half.len() / 2]), &certificates, "a section has no end");
    let broken = half.replacen('M', "%", 1);
    says(refusal(&tls, &certificates, &broken), &certificates, "is not base64");
    let empty = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    says(refusal(&tls, &certificates, empty), &certificates, "cannot use the certificate in");
    let other = Pair::new();
    let other_key = std::fs::read_to_string(other.key()).unwrap();
    says(refusal(&tls, &key, &other_key), &key, "does not match the first certificate");
    let both = format!("{}{half}", std::fs::read_to_string(other.certificates()).unwrap());
    says(refusal(&tls, &certificates, &both), &certificates, "does not match the first certificate");
    std::fs::rename(&key, certificates.with_extension("away")).unwrap();
    says(tls.reload().unwrap_err(), &key, "No such file");
    let missing = Tls::from_pem_files("/nowhere/tls.crt", &key).unwrap_err();
    says(missing, Path::new("/nowhere/tls.crt"), "cannot read");
    let mut client = pair.connect(served.addr).await.expect("the old ones are in place");
    client.send(PING).await.unwrap();
    assert!(client.response().await.unwrap().is_ok());
    served.stop();
    drop(client);
    served.ended().await;
}

#[tokio::test]
async fn a_custom_tls_configuration_is_served_and_replaced() {
    let pair = Pair::new();
    let config = |offer: &[&str]| {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ServerConfig::builder_with_provider(provider);
        let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let key = std::fs::read(pair.key()).unwrap();
        let key = rustls::pki_types::pem::PemObject::from_pem_slice(&key).unwrap();
        let mut config = builder.with_single_cert(vec![pair.certificate.clone()], key).unwrap();
        config.alpn_protocols = offer.iter().map(|name| name.as_bytes().to_vec()).collect();
        Arc::new(config)
    };
    let tls = Tls::from_config(config(&[]));
    assert!(matches!(tls.reload(), Err(TlsError::NotFromFiles)));
    let mut served = serve(tls.clone(), ping(), |server| server).await;
    let agreed = async || {
        let stream = TcpStream::connect(served.addr).await.unwrap();
        let stream = pair.over(stream, &["h2", "http/1.1"]).await.unwrap();
        stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec)
    };
    assert_eq!(agreed().await, Some(b"h2".to_vec()));
    tls.replace(config(&["http/1.1"]));
    assert_eq!(agreed().await, Some(b"http/1.1".to_vec()));
    served.stop();
    served.ended().await;
}
