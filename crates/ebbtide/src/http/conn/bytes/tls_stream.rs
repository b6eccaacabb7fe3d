use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::server::TlsStream as Open;
use tokio_rustls::{Accept, TlsAcceptor};

use crate::http::conn::{Protocol, Socket};
use crate::runtime::os::socket;

/// The length of a record's header.
const HEADER: usize = 5;

/// TLS on a socket, including the time before the handshake.
pub(crate) struct TlsStream {
    state: TlsState,
    /// Whether the client has begun: TLS has buffers from then on.
    begun: bool,
}

enum TlsState {
    Handshake(Accept<Wire>),
    Open(Open<Wire>),
}

impl TlsStream {
    pub(super) fn new(socket: Socket, config: Arc<ServerConfig>) -> Self {
        let accept = TlsAcceptor::from(config).accept(Wire::new(socket));
        Self { state: TlsState::Handshake(accept), begun: false }
    }

    pub(super) fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.begun {
            if let Some(wire) = self.wire() {
                ready!(wire.poll_readable(cx))?;
            }
            self.begun = true;
        }
        if let TlsState::Handshake(accept) = &mut self.state {
            self.state = TlsState::Open(ready!(Pin::new(accept).poll(cx))?);
        }
        Poll::Ready(Ok(()))
    }

    /// Puts back what was read from the socket.
    pub(super) fn put_back(&mut self, bytes: Vec<u8>) {
        if let Some(wire) = self.wire() {
            wire.put_back(bytes);
        }
    }

    /// Returns whether bytes have arrived since the last call.
    pub(super) fn take_received(&mut self) -> bool {
        self.wire().is_some_and(Wire::take_received)
    }

    /// Returns the protocol that the client chose (ALPN, RFC 7301).
    pub(super) fn negotiated(&self) -> Option<Protocol> {
        let TlsState::Open(open) = &self.state else { return None };
        match open.get_ref().1.alpn_protocol()? {
            b"h2" => Some(Protocol::Http2),
            b"http/1.1" | b"http/1.0" => Some(Protocol::Http1),
            _ => None,
        }
    }

    /// Sends `close_notify`, if the socket takes it immediately: without it the client would assume a truncated stream.
    pub(super) fn send_close_notify(&mut self) {
        if let TlsState::Open(open) = &mut self.state {
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

    /// Returns the layer below TLS; `None` when a handshake failed.
    pub(super) fn wire(&mut self) -> Option<&mut Wire> {
        match &mut self.state {
            TlsState::Handshake(accept) => accept.get_mut(),
            TlsState::Open(open) => Some(open.get_mut().0),
        }
    }

    pub(super) fn is_in_record(&self) -> bool {
        match &self.state {
            TlsState::Handshake(_) => false,
            TlsState::Open(open) => open.get_ref().0.is_in_record(),
        }
    }

    fn open(&mut self) -> io::Result<Pin<&mut Open<Wire>>> {
        match &mut self.state {
            TlsState::Handshake(_) => Err(io::ErrorKind::NotConnected.into()),
            TlsState::Open(open) => Ok(Pin::new(open)),
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

/// Writes to a socket what it takes immediately.
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
        let open = matches!(self.state, TlsState::Open(_));
        f.debug_struct("TlsStream").field("open", &open).finish_non_exhaustive()
    }
}

/// The bytes below TLS, and the record boundaries in those that arrived.
#[derive(Debug)]
pub(super) struct Wire {
    socket: Socket,
    /// What was read from the socket before TLS began.
    ahead: Vec<u8>,
    records: Records,
    came: bool,
}

impl Wire {
    fn new(socket: Socket) -> Self {
        Self { socket, ahead: Vec::new(), records: Records::default(), came: false }
    }

    pub(super) fn socket(&mut self) -> &mut Socket {
        &mut self.socket
    }

    /// Waits until a read would not block.
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.ahead.is_empty() { self.socket.poll_readable(cx) } else { Poll::Ready(Ok(())) }
    }

    /// Puts back what was read from the socket.
    fn put_back(&mut self, bytes: Vec<u8>) {
        self.ahead = bytes;
    }

    /// Returns whether a record has begun to arrive and is incomplete.
    fn is_in_record(&self) -> bool {
        self.records.is_in_one()
    }

    /// Returns whether bytes have arrived since the last call.
    fn take_received(&mut self) -> bool {
        std::mem::take(&mut self.came)
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = if self.ahead.is_empty() {
            Pin::new(&mut self.socket).poll_read(cx, buf)
        } else {
            let taken = self.ahead.len().min(buf.remaining());
            buf.put_slice(&self.ahead[..taken]);
            self.ahead.drain(..taken);
            Poll::Ready(Ok(()))
        };
        let new = &buf.filled()[before..];
        if !new.is_empty() {
            self.came = true;
            self.records.read(new);
        }
        polled
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

/// Parses record headers, which are not encrypted (RFC 8446 §5.1): a type, a version, a length.
#[derive(Debug, Default)]
pub(in crate::http::conn) struct Records {
    header: [u8; HEADER],
    /// How much of the header has arrived, if it is incomplete.
    known: usize,
    /// How much of the record is still missing.
    left: usize,
}

impl Records {
    pub(in crate::http::conn) fn read(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.left > 0 {
                let taken = self.left.min(bytes.len());
                self.left -= taken;
                bytes = &bytes[taken..];
                continue;
            }
            let taken = (HEADER - self.known).min(bytes.len());
            self.header[self.known..self.known + taken].copy_from_slice(&bytes[..taken]);
            self.known += taken;
            bytes = &bytes[taken..];
            if self.known == HEADER {
                self.known = 0;
                self.left = u16::from_be_bytes([self.header[3], self.header[4]]).into();
            }
        }
    }

    pub(in crate::http::conn) fn is_in_one(&self) -> bool {
        self.known > 0 || self.left > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tls_record_is_complete_at_its_last_byte() {
        let two = [&[23, 3, 3, 0, 2, 1, 2][..], &[23, 3, 3, 1, 0], &[7; 256]].concat();
        for cut in 0..=two.len() {
            let mut records = Records::default();
            records.read(&two[..cut]);
            assert_eq!(records.is_in_one(), ![0, 7, two.len()].contains(&cut), "{cut}");
            records.read(&two[cut..]);
            assert!(!records.is_in_one(), "{cut}");
        }
    }
}
