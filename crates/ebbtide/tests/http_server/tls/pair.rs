//! A certificate, clients that trust it, and a server that uses it; and a stream that pauses in the middle.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use ebbtide::drain::Stop;
use ebbtide::http::{Listener, Server, Tls, rustls};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::support::{Client, Served, serve_on, stop_source};

/// A certificate with its key, in files, and a client configuration that trusts it.
pub(crate) struct Pair {
    pub(super) directory: tempfile::TempDir,
    trusted: RootCertStore,
    pub(super) certificate: CertificateDer<'static>,
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

    /// Writes a new certificate with a new key. Clients trust both from then on.
    pub(super) fn renew(&mut self) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(self.certificates(), made.cert.pem()).unwrap();
        std::fs::write(self.key(), made.signing_key.serialize_pem()).unwrap();
        self.certificate = made.cert.der().clone();
        self.trusted.add(self.certificate.clone()).unwrap();
    }

    pub(super) fn certificates(&self) -> PathBuf {
        self.directory.path().join("tls.crt")
    }

    pub(super) fn key(&self) -> PathBuf {
        self.directory.path().join("tls.key")
    }

    pub(crate) fn tls(&self) -> Tls {
        Tls::from_pem_files(self.certificates(), self.key()).unwrap()
    }

    pub(super) fn connector(&self, protocols: &[&str]) -> TlsConnector {
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

    pub(super) async fn connect(&self, addr: SocketAddr) -> std::io::Result<Client<TlsStream<TcpStream>>> {
        let stream = TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        self.over(stream, &[]).await.map(Client::new)
    }
}

pub(super) async fn serve(
    tls: Tls,
    router: axum::Router,
    with: impl FnOnce(Server<axum::Router>) -> Server<axum::Router>,
) -> Served {
    let listener = Listener::bind("127.0.0.1:0").await.unwrap().tls(tls);
    let addr = listener.local_addr().tcp().unwrap();
    serve_on(listener, addr, router, with)
}

/// Sends a given number of bytes, and the rest when the token is stopped.
pub(super) struct Halting<S> {
    stream: S,
    left: usize,
    until: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl<S> Halting<S> {
    pub(super) fn new(stream: S, left: usize, until: Stop) -> Self {
        Self { stream, left, until: Box::pin(async move { until.stopping().await }) }
    }

    pub(super) fn halt_after(&mut self, left: usize, until: Stop) {
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

/// Flushes as far as is possible without waiting.
pub(super) async fn flush_now<S: AsyncWrite + Unpin>(stream: &mut S) -> std::io::Result<()> {
    std::future::poll_fn(|cx| match Pin::new(&mut *stream).poll_flush(cx) {
        Poll::Pending => Poll::Ready(Ok(())),
        done => done,
    })
    .await
}
