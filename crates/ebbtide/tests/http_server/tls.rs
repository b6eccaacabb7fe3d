//! TLS: what is agreed on, what is exchanged while the server runs, and how it ends.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use ebbtide::drain::{Stop, StopSource};
use ebbtide::http::{CloseMode, Listener, Server, Tls, TlsError, rustls};
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::cut::Streamed;
use crate::support::{
    Client, LONG, PING, PING_CLOSE, SLOW, Served, cause, ping, serve_on, slow, stop_source, until,
};

/// A certificate with its key, in files, and those who trust it.
pub(crate) struct Pair {
    directory: tempfile::TempDir,
    trusted: RootCertStore,
    certificate: CertificateDer<'static>,
}

impl Pair {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut pair = Self {
            directory,
            trusted: RootCertStore::empty(),
            certificate: CertificateDer::from(Vec::new()),
        };
        pair.renew();
        pair
    }

    /// Writes a new certificate with a new key; both are trusted from then on.
    fn renew(&mut self) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(self.certificates(), made.cert.pem()).unwrap();
        std::fs::write(self.key(), made.signing_key.serialize_pem()).unwrap();
        self.certificate = made.cert.der().clone();
        self.trusted.add(self.certificate.clone()).unwrap();
    }

    fn certificates(&self) -> PathBuf {
        self.directory.path().join("tls.crt")
    }

    fn key(&self) -> PathBuf {
        self.directory.path().join("tls.key")
    }

    pub(crate) fn tls(&self) -> Tls {
        Tls::from_pem_files(self.certificates(), self.key()).unwrap()
    }

    fn connector(&self, protocols: &[&str]) -> TlsConnector {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let mut config = builder.unwrap().with_root_certificates(self.trusted.clone()).with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        Arc::new(config).into()
    }

    pub(crate) async fn over<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        protocols: &[&str],
    ) -> std::io::Result<TlsStream<S>> {
        let name = ServerName::try_from("localhost").unwrap();
        self.connector(protocols).connect(name, stream).await
    }

    async fn connect(&self, addr: SocketAddr) -> std::io::Result<Client<TlsStream<TcpStream>>> {
        let stream = TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        self.over(stream, &[]).await.map(Client::over)
    }
}

async fn serve(
    tls: Tls,
    router: axum::Router,
    with: impl FnOnce(Server<axum::Router>) -> Server<axum::Router>,
) -> Served {
    let listener = Listener::bind("127.0.0.1:0").await.unwrap().tls(tls);
    let addr = listener.local_addr().tcp().unwrap();
    serve_on(listener, addr, router, with)
}

/// Sends so many bytes, and the rest when the token stops.
struct Halting<S> {
    stream: S,
    left: usize,
    until: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl<S> Halting<S> {
    fn new(stream: S, left: usize, until: Stop) -> Self {
        Self { stream, left, until: Box::pin(async move { until.stopping().await }) }
    }

    fn halt_after(&mut self, left: usize, until: Stop) {
        (self.left, self.until) = (left, Box::pin(async move { until.stopping().await }));
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Halting<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Halting<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        if self.left == 0 {
            std::task::ready!(self.until.as_mut().poll(cx));
            self.halt_after(usize::MAX, stop_source().token());
        }
        let most = bytes.len().min(self.left);
        let written = std::task::ready!(Pin::new(&mut self.stream).poll_write(cx, &bytes[..most]))?;
        self.left -= written;
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
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
async fn what_client_and_server_agree_on_is_spoken() {
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
    let mut client = Client::over(stream);
    client.send(PING_CLOSE).await.unwrap();
    assert!(client.answer().await.unwrap().is_ok());
    // Without an agreement the first bytes decide.
    let mut client = Client::over(connect(&[]).await);
    client.send(PING_CLOSE).await.unwrap();
    assert!(client.answer().await.unwrap().is_ok());
    assert_eq!(ask_http_2(connect(&[]).await).await.unwrap(), "pong");
    // With one they don't.
    assert!(ask_http_2(connect(&["http/1.1"]).await).await.is_err());
    // Nobody gets what was not on offer.
    let stream = TcpStream::connect(served.addr).await.unwrap();
    assert!(pair.over(stream, &["spdy/3"]).await.is_err());
    served.stop();
    served.ended().await;
}

#[tokio::test]
async fn an_http_2_connection_over_tls_is_told_to_go_and_finishes_its_streams() {
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
    // The connection ended in order: GOAWAY, `close_notify`, end.
    driver.join_next().await.unwrap().unwrap().unwrap();
    assert_eq!((served.work.finished(), served.work.cut()), (1, 0));
}

#[tokio::test]
async fn certificates_are_exchanged_without_a_restart() {
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
    // The files alone change nothing.
    assert_eq!(shown(&pair.connect(served.addr).await.unwrap()), first);
    tls.reload().unwrap();
    let new = pair.connect(served.addr).await.unwrap();
    assert_eq!(shown(&new), pair.certificate);
    assert_ne!(shown(&new), first);
    // The old connection goes on.
    old.send(PING).await.unwrap();
    assert!(old.answer().await.unwrap().is_ok());
    served.stop();
    served.ended().await;
}

/// What `tls.reload()` says when a file has become `content`.
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
        let said = error.to_string();
        assert!(said.contains(path.to_str().unwrap()) && said.contains(what), "{said}");
    };
    says(refusal(&tls, &certificates, ""), &certificates, "find a certificate in");
    says(refusal(&tls, &certificates, "no certificate"), &certificates, "put the server's own there");
    says(refusal(&tls, &key, ""), &key, "find a private key in");
    let half = std::fs::read_to_string(&certificates).unwrap();
    says(refusal(&tls, &certificates, &half[..half.len() / 2]), &certificates, "a section has no end");
    let broken = half.replacen('M', "%", 1);
    says(refusal(&tls, &certificates, &broken), &certificates, "is not base64");
    let empty = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    says(refusal(&tls, &certificates, empty), &certificates, "use the certificate in");
    let other = Pair::new();
    let other_key = std::fs::read_to_string(other.key()).unwrap();
    says(refusal(&tls, &key, &other_key), &key, "they don't belong together");
    let both = format!("{}{half}", std::fs::read_to_string(other.certificates()).unwrap());
    says(refusal(&tls, &certificates, &both), &certificates, "put the server's own certificate first");
    std::fs::rename(&key, certificates.with_extension("away")).unwrap();
    says(tls.reload().unwrap_err(), &key, "No such file");
    let missing = Tls::from_pem_files("/nowhere/tls.crt", &key).unwrap_err();
    says(missing, Path::new("/nowhere/tls.crt"), "give the path of a file");
    let mut client = pair.connect(served.addr).await.expect("the old ones are in place");
    client.send(PING).await.unwrap();
    assert!(client.answer().await.unwrap().is_ok());
    served.stop();
    served.ended().await;
}

#[tokio::test]
async fn a_configuration_made_by_hand_is_served_and_replaced() {
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
    tokio::time::sleep(Duration::from_millis(50)).await;
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
    let pair = Pair::new();
    // While the server serves, its own limit ends it.
    let limit = Duration::from_millis(50);
    let mut served = serve(pair.tls(), ping(), |server| server.handshake_timeout(limit)).await;
    let mut client = stopped_handshake(&pair, served.addr).await;
    assert!(client.rest().await.0.is_empty());
    served.stop();
    served.ended().await;
    // When it stops, the grace does.
    let mut served =
        serve(pair.tls(), ping(), |server| server.first_byte_grace(limit).handshake_timeout(LONG)).await;
    let mut client = stopped_handshake(&pair, served.addr).await;
    until(|| served.work.in_flight() == 1).await;
    served.stop();
    served.ended().await;
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
    tokio::time::sleep(Duration::from_millis(50)).await;
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
    served.ended().await;
    assert_eq!((served.work.finished(), served.work.cut()), (1, 0));
}

/// Without `close_notify` a client must take the end for a cut (RFC 8446 §6.1).
#[tokio::test]
async fn connections_end_with_close_notify() {
    let pair = Pair::new();
    let mut served = serve(pair.tls(), ping(), |server| server.idle_quiet(Duration::from_millis(50))).await;
    let mut told = pair.connect(served.addr).await.unwrap();
    told.send(PING_CLOSE).await.unwrap();
    assert!(told.answer().await.unwrap().is_ok());
    assert!(told.rest().await.1.is_none());
    let mut idle = pair.connect(served.addr).await.unwrap();
    idle.send(PING).await.unwrap();
    assert!(idle.answer().await.unwrap().is_ok());
    served.stop();
    served.ended().await;
    let (bytes, error) = idle.rest().await;
    assert!(bytes.is_empty() && error.is_none(), "{error:?}");
}

/// The opposite: a connection that its server just drops.
#[tokio::test]
async fn a_connection_that_is_dropped_looks_cut() {
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
    let (_, error) = client.unwrap().rest().await;
    assert_eq!(error.map(|error| error.kind()), Some(ErrorKind::UnexpectedEof));
}

/// Over HTTP/1.0 the end is the end of the body: a cut must not look like one.
#[tokio::test]
async fn a_body_that_is_cut_is_seen_to_be_cut() {
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
    served.cut();
    served.ended().await;
    let (_, error) = client.rest().await;
    assert!(error.is_some());
    assert_eq!(served.work.cut(), 1);
}

/// The service is done, and what it gave waits in our buffers for a client that reads slowly.
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
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(served.is_running());
    let (bytes, error) = client.rest().await;
    assert!(error.is_none() && bytes.len() > LENGTH, "{} bytes, {error:?}", bytes.len());
    served.ended().await;
    assert_eq!((served.work.finished(), served.work.cut()), (1, 0));
}

/// Wherever the end of a response is when the socket takes no more, in hyper's buffer, in that of TLS or in the kernel's.
#[tokio::test]
async fn a_response_whose_end_waits_behind_tls_arrives_whole() {
    let pair = Pair::new();
    let sent = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&sent);
    let body = async move |axum::extract::Path(length): axum::extract::Path<usize>| {
        count.fetch_add(1, Ordering::SeqCst);
        vec![b'x'; length]
    };
    let router = axum::Router::new().route("/{length}", axum::routing::get(body));
    // The kernel's buffers are small, so that the others matter.
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
        let mut client = Client::over(pair.over(stream, &[]).await.unwrap());
        client.send(format!("GET /{length} HTTP/1.1\r\nHost: test\r\n\r\n").as_bytes()).await.unwrap();
        clients.push((length, client));
    }
    until(|| sent.load(Ordering::SeqCst) == clients.len() as u64).await;
    tokio::time::sleep(Duration::from_millis(50)).await; // each goes as far as it can
    served.stop();
    tokio::time::sleep(Duration::from_millis(100)).await;
    for (length, client) in &mut clients {
        let answer = client.answer().await.unwrap_or_else(|| panic!("{length} bytes are not whole"));
        assert_eq!(answer.body.len(), *length);
    }
    clients.clear();
    served.ended().await;
    assert_eq!(served.work.cut(), 0);
}

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

/// Flushes as far as it goes now.
async fn flush_now<S: AsyncWrite + Unpin>(stream: &mut S) -> std::io::Result<()> {
    std::future::poll_fn(|cx| match Pin::new(&mut *stream).poll_flush(cx) {
        Poll::Pending => Poll::Ready(Ok(())),
        done => done,
    })
    .await
}

/// What waits for the rest of its record is in no buffer that a look at the socket would find.
#[tokio::test]
async fn a_request_in_half_a_record_is_waited_for_and_answered() {
    let pair = Pair::new();
    let release = stop_source();
    let mut served = serve(pair.tls(), ping(), |server| server.idle_quiet(Duration::ZERO)).await;
    let mut client = half_record(&pair, &served, &release).await;
    until(|| served.work.in_flight() == 1).await;
    assert!(served.work.stragglers()[0].name.starts_with("half a TLS record from 127.0.0.1:"));
    served.stop();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(served.is_running());
    release.stop(cause(), None);
    client.stream.flush().await.unwrap();
    let answer = client.answer().await.expect("an answer");
    assert!(answer.is_ok() && answer.closes());
    served.ended().await;
    assert_eq!((served.work.finished(), served.work.cut()), (2, 0));
}

#[tokio::test]
async fn half_a_record_ends_at_the_header_timeout() {
    let pair = Pair::new();
    let never = stop_source();
    let limit = Duration::from_millis(50);
    let served = serve(pair.tls(), ping(), |server| server.header_timeout(limit)).await;
    let mut client = half_record(&pair, &served, &never).await;
    assert!(client.rest().await.0.is_empty());
}

/// A record that is not for HTTP, such as a new key, begins no request and ends no connection.
#[tokio::test]
async fn a_record_of_tls_itself_changes_nothing() {
    let pair = Pair::new();
    let limit = Duration::from_millis(50);
    let mut served = serve(pair.tls(), ping(), |server| server.header_timeout(limit)).await;
    let mut client = pair.connect(served.addr).await.unwrap();
    for _ in 0..3 {
        client.stream.get_mut().1.refresh_traffic_keys().unwrap();
        client.stream.flush().await.unwrap();
        tokio::time::sleep(limit * 2).await;
        assert_eq!(served.work.in_flight(), 0);
        client.send(PING).await.unwrap();
        assert!(client.answer().await.unwrap().is_ok());
    }
    served.stop();
    served.ended().await;
}

/// Asks until the server says that it closes, or a request is lost. Returns how many were lost.
async fn keeps_alive(pair: Arc<Pair>, addr: SocketAddr, think: Duration, warm: Arc<AtomicU64>) -> u64 {
    let mut client = pair.connect(addr).await.unwrap();
    let mut answered = 0;
    loop {
        // A client that finds its connection closed before it has asked has lost nothing.
        let closed = tokio::time::timeout(think, client.stream.read(&mut [0])).await;
        if closed.is_ok() {
            return 0;
        }
        let sent = client.send(PING).await;
        match client.answer().await {
            Some(answer) if sent.is_ok() && answer.is_ok() => {
                answered += 1;
                warm.fetch_add(u64::from(answered == 2), Ordering::SeqCst);
                if answer.closes() {
                    return 0;
                }
            }
            _ => return 1,
        }
    }
}

async fn keep_alive_closes(mode: CloseMode) -> u64 {
    const CLIENTS: u64 = 200;
    let pair = Arc::new(Pair::new());
    let mut lost = 0;
    for round in 0..5 {
        let mut served = serve(pair.tls(), ping(), |server| server.close_mode(mode)).await;
        let (mut clients, warm) = (JoinSet::new(), Arc::new(AtomicU64::new(0)));
        for each in 0..CLIENTS {
            let think = Duration::from_micros(each * 100);
            clients.spawn(keeps_alive(Arc::clone(&pair), served.addr, think, Arc::clone(&warm)));
        }
        until(|| warm.load(Ordering::SeqCst) == CLIENTS).await;
        tokio::time::sleep(Duration::from_millis(3 * round)).await;
        served.stop();
        lost += clients.join_all().await.into_iter().sum::<u64>();
        served.ended().await;
        assert_eq!(served.work.cut(), 0);
    }
    println!("TLS, {mode:?}: {lost} lost in 5 closes");
    lost
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keep_alive_clients_over_tls_lose_nothing() {
    assert_eq!(keep_alive_closes(CloseMode::Lossless).await, 0);
}

/// The opposite: closing idle connections at once loses the requests that are on their way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_idle_connections_over_tls_at_once_loses_requests() {
    assert!(keep_alive_closes(CloseMode::Abrupt).await > 0);
}

/// Connects, shakes hands and asks until it is refused. Whatever happens behind a connection that was made, and is not
/// an answer, is a loss.
async fn client(pair: Arc<Pair>, addr: SocketAddr, answered: Arc<AtomicU64>, gone: Stop) -> u64 {
    let mut lost = 0;
    loop {
        let connected = tokio::select! {
            biased;
            connected = TcpStream::connect(addr) => connected,
            () = gone.stopping() => return lost,
        };
        let Ok(stream) = connected else { return lost };
        let asked = async {
            let mut client = Client::over(pair.over(stream, &[]).await?);
            client.send(PING_CLOSE).await?;
            let (bytes, error) = client.rest().await;
            match error {
                None => Ok(bytes.ends_with(b"\r\n\r\npong")),
                Some(error) => Err(error),
            }
        };
        if asked.await.unwrap_or(false) {
            answered.fetch_add(1, Ordering::SeqCst);
        } else {
            lost += 1;
        }
    }
}

async fn storms(mode: CloseMode) -> u64 {
    const CLIENTS: u64 = 32;
    let pair = Arc::new(Pair::new());
    let mut lost = 0;
    for round in 0..10 {
        let mut served = serve(pair.tls(), ping(), |server| server.close_mode(mode)).await;
        let (mut clients, answered, gone) = (JoinSet::new(), Arc::new(AtomicU64::new(0)), stop_source());
        for _ in 0..CLIENTS {
            clients.spawn(client(Arc::clone(&pair), served.addr, Arc::clone(&answered), gone.token()));
        }
        until(|| answered.load(Ordering::SeqCst) >= CLIENTS).await;
        tokio::time::sleep(Duration::from_millis(round)).await;
        served.stop();
        served.ended().await;
        gone.stop(cause(), None);
        lost += clients.join_all().await.into_iter().sum::<u64>();
    }
    println!("TLS, {mode:?}: {lost} lost in 10 closes");
    lost
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_of_new_connections_over_tls_loses_nothing() {
    assert_eq!(storms(CloseMode::Lossless).await, 0);
}

/// The opposite: closed at once, handshakes and requests are lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_abrupt_close_loses_requests_over_tls() {
    assert!(storms(CloseMode::Abrupt).await > 0);
}

#[tokio::test]
async fn tls_is_spoken_over_a_path_too() {
    let pair = Pair::new();
    let path = pair.directory.path().join("test.sock");
    let release = stop_source();
    let listener = Listener::bind_unix(&path).await.unwrap().tls(pair.tls());
    let mut served = serve_on(listener, ([0, 0, 0, 0], 0).into(), slow(release.token()), |server| server);
    let stream = UnixStream::connect(&path).await.unwrap();
    let mut client = Client::over(pair.over(stream, &[]).await.unwrap());
    client.send(SLOW).await.unwrap();
    until(|| served.work.in_flight() == 1).await;
    served.stop();
    release.stop(cause(), None);
    assert!(client.answer().await.unwrap().closes());
    assert!(client.rest().await.1.is_none());
    served.ended().await;
}
