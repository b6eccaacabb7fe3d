use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::server::TlsStream as Open;
use tokio_rustls::{Accept, TlsAcceptor};

use super::wire::Wire;
use super::{Protocol, Socket};
use crate::runtime::os::socket;

/// TLS on a socket, from before the handshake on.
pub(crate) struct TlsStream {
    state: State,
    /// Whether the client has begun: TLS has buffers from then on.
    begun: bool,
}

enum State {
    Handshake(Accept<Wire>),
    Open(Open<Wire>),
}

impl TlsStream {
    pub(super) fn new(socket: Socket, config: Arc<ServerConfig>) -> Self {
        let accept = TlsAcceptor::from(config).accept(Wire::new(socket));
        Self { state: State::Handshake(accept), begun: false }
    }

    pub(super) fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.begun {
            if let Some(wire) = self.wire() {
                ready!(wire.poll_readable(cx))?;
            }
            self.begun = true;
        }
        if let State::Handshake(accept) = &mut self.state {
            self.state = State::Open(ready!(Pin::new(accept).poll(cx))?);
        }
        Poll::Ready(Ok(()))
    }

    /// Puts back what was read from the socket.
    pub(super) fn put_back(&mut self, bytes: Vec<u8>) {
        if let Some(wire) = self.wire() {
            wire.put_back(bytes);
        }
    }

    /// Tells whether bytes have come since this was last asked.
    pub(super) fn take_came(&mut self) -> bool {
        self.wire().is_some_and(Wire::take_came)
    }

    /// Returns the protocol that the client chose (ALPN, RFC 7301).
    pub(super) fn negotiated(&self) -> Option<Protocol> {
        let State::Open(open) = &self.state else { return None };
        match open.get_ref().1.alpn_protocol()? {
            b"h2" => Some(Protocol::Http2),
            b"http/1.1" | b"http/1.0" => Some(Protocol::Http1),
            _ => None,
        }
    }

    /// Says that nothing more comes from this side (`close_notify`), if the socket takes it at once: an end without it
    /// looks to the client as if something had been cut off.
    pub(super) fn farewell(&mut self) {
        if let State::Open(open) = &mut self.state {
            let (wire, session) = open.get_mut();
            session.send_close_notify();
            while session.wants_write() {
                match session.write_tls(&mut Now(wire.socket())) {
                    Ok(1..) => {}
                    _ => return,
                }
            }
        }
    }

    /// Returns what is under TLS; `None` when a handshake failed.
    pub(super) fn wire(&mut self) -> Option<&mut Wire> {
        match &mut self.state {
            State::Handshake(accept) => accept.get_mut(),
            State::Open(open) => Some(open.get_mut().0),
        }
    }

    pub(super) fn is_in_record(&self) -> bool {
        match &self.state {
            State::Handshake(_) => false,
            State::Open(open) => open.get_ref().0.is_in_record(),
        }
    }

    fn open(&mut self) -> io::Result<Pin<&mut Open<Wire>>> {
        match &mut self.state {
            State::Handshake(_) => Err(io::ErrorKind::NotConnected.into()),
            State::Open(open) => Ok(Pin::new(open)),
        }
    }
}

impl AsyncRead for TlsStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.open()?.poll_read(cx, buf)
    }
}

impl AsyncWrite for TlsStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.open()?.poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.open()?.poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.open()?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.open()?.poll_shutdown(cx)
    }
}

/// Writes to a socket what it takes at once.
struct Now<'a>(&'a Socket);

impl io::Write for Now<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        socket::send_now(self.0, bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl std::fmt::Debug for TlsStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let open = matches!(self.state, State::Open(_));
        f.debug_struct("TlsStream").field("open", &open).finish_non_exhaustive()
    }
}
