use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

#[cfg(feature = "tls")]
use super::TlsStream;
#[cfg(feature = "tls")]
use super::wire::Wire;
use super::{Opening, Protocol, Socket};
use crate::http::listener::Via;

/// What a connection's bytes go through on their way to the socket.
#[derive(Debug)]
pub(crate) enum Stream {
    Plain(Socket),
    #[cfg(feature = "tls")]
    Tls(Box<TlsStream>),
}

impl Stream {
    pub(crate) fn new(socket: Socket, via: &Via) -> Self {
        #[cfg(feature = "tls")]
        if let Some(tls) = &via.tls {
            return Self::Tls(Box::new(TlsStream::new(socket, tls.config())));
        }
        let _ = via;
        Self::Plain(socket)
    }

    /// Returns the protocol that was agreed on below HTTP.
    pub(super) fn negotiated(&self) -> Option<Protocol> {
        match self {
            Self::Plain(_) => None,
            #[cfg(feature = "tls")]
            Self::Tls(tls) => tls.negotiated(),
        }
    }

    /// Gives back what was read too far below the stream, if it reads there itself; tells what comes next then.
    pub(super) fn put_back(&mut self, bytes: &mut Vec<u8>) -> Option<Opening> {
        match self {
            Self::Plain(_) => {
                let _ = bytes;
                None
            }
            #[cfg(feature = "tls")]
            Self::Tls(tls) => {
                tls.put_back(std::mem::take(bytes));
                Some(Opening::Handshake)
            }
        }
    }

    #[cfg(feature = "tls")]
    pub(super) fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(_) => Poll::Ready(Ok(())),
            Self::Tls(tls) => tls.poll_handshake(cx),
        }
    }

    /// Tells whether bytes have come for the handshake since this was last asked.
    #[cfg(feature = "tls")]
    pub(super) fn take_came(&mut self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(tls) => tls.take_came(),
        }
    }

    /// Reads what comes as it is on the wire.
    pub(super) fn poll_raw(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.socket() {
            Some(socket) => Pin::new(socket).poll_read(cx, buf),
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    /// Tells whether part of something has come that cannot be read before it is whole.
    #[inline]
    pub(super) fn is_in_record(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            #[cfg(feature = "tls")]
            Self::Tls(tls) => tls.is_in_record(),
        }
    }

    /// Tells whether what was written may wait here, and not yet be the kernel's.
    #[inline]
    pub(super) fn holds_back(&self) -> bool {
        !matches!(self, Self::Plain(_))
    }

    /// Writes what the end of the stream follows at once.
    pub(super) fn poll_write_before_end(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(socket) => socket.poll_write_before_end(cx, bufs),
            #[cfg(feature = "tls")]
            Self::Tls(tls) => Pin::new(tls).poll_write_vectored(cx, bufs),
        }
    }

    /// Says to the peer that this is the end, without waiting.
    pub(super) fn farewell(&mut self) {
        match self {
            Self::Plain(_) => {}
            #[cfg(feature = "tls")]
            Self::Tls(tls) => tls.farewell(),
        }
    }

    fn socket(&mut self) -> Option<&mut Socket> {
        match self {
            Self::Plain(socket) => Some(socket),
            #[cfg(feature = "tls")]
            Self::Tls(tls) => tls.wire().map(Wire::socket),
        }
    }
}

impl AsyncRead for Stream {
    #[inline]
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_read(cx, buf),
            #[cfg(feature = "tls")]
            Self::Tls(tls) => Pin::new(tls).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    #[inline]
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_write(cx, buf),
            #[cfg(feature = "tls")]
            Self::Tls(tls) => Pin::new(tls).poll_write(cx, buf),
        }
    }

    #[inline]
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_write_vectored(cx, bufs),
            #[cfg(feature = "tls")]
            Self::Tls(tls) => Pin::new(tls).poll_write_vectored(cx, bufs),
        }
    }

    #[inline]
    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(socket) => socket.is_write_vectored(),
            #[cfg(feature = "tls")]
            Self::Tls(tls) => tls.is_write_vectored(),
        }
    }

    #[inline]
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_flush(cx),
            #[cfg(feature = "tls")]
            Self::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_shutdown(cx),
            #[cfg(feature = "tls")]
            Self::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}
