use std::future::Future;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use super::stream::{Socket, Stream};
use super::websocket::CloseFrame;
use crate::http::conn::opening::{ProxiedClient, introduced};
use crate::http::conn::{ConnGuard, Opening, Protocol};
use crate::http::listener::Via;
use crate::util::clock;

/// The bytes of a connection: records what arrives, and closes lingering.
#[derive(Debug)]
pub(crate) struct Io {
    /// Dropped before the stream, so that no task uses a closed descriptor.
    guard: ConnGuard,
    stream: Stream,
    /// What was read before the protocol was known.
    first: Vec<u8>,
    first_at: usize,
    /// Mirror the connection's state, to save its lock.
    blocked: bool,
    half_record: bool,
    opening: Option<Opening>,
    /// Of a WebSocket: the parsers for the peer's close frame and the server's.
    close_frames: Option<Box<[CloseFrame; 2]>>,
    read_state: ReadState,
    closing: Closing,
}

/// How the protocol last used the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ReadState {
    /// It finds the end of the stream itself: it always reads.
    Reads,
    /// HTTP/1: it waits for bytes.
    Wants,
    /// HTTP/1: it has received bytes, and has not asked for more since.
    Has,
}

#[derive(Debug)]
enum Closing {
    No,
    Lingering(Pin<Box<Sleep>>),
    Done,
}

impl Io {
    pub(crate) fn new(guard: ConnGuard, socket: Socket, via: &Via) -> Self {
        Self {
            guard,
            stream: Stream::new(socket, via),
            first: Vec::new(),
            first_at: 0,
            blocked: false,
            half_record: false,
            opening: via.first_opening(),
            close_frames: None,
            read_state: ReadState::Reads,
            closing: Closing::No,
        }
    }

    pub(crate) fn guard(&self) -> &ConnGuard {
        &self.guard
    }

    /// Returns whether HTTP can begin.
    pub(crate) fn is_open(&self) -> bool {
        self.opening.is_none()
    }

    /// Completes the phases before HTTP.
    pub(in crate::http::conn) fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(opening) = self.opening {
            self.opening = match opening {
                Opening::ProxyHeader => {
                    ready!(self.poll_proxy_header(cx))?;
                    self.stream.put_back(&mut self.first)
                }
                #[cfg(feature = "tls")]
                Opening::Handshake => {
                    let polled = self.stream.poll_handshake(cx);
                    if self.stream.take_received() {
                        self.guard.opening(opening);
                    }
                    ready!(polled)?;
                    None
                }
            };
        }
        self.guard.opened();
        if !self.first.is_empty() {
            self.guard.read(&self.first);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_proxy_header(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let mut buf = [MaybeUninit::uninit(); 1024];
            let mut buf = ReadBuf::uninit(&mut buf);
            ready!(self.stream.poll_raw(cx, &mut buf))?;
            if buf.filled().is_empty() {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            self.guard.opening(Opening::ProxyHeader);
            self.first.extend_from_slice(buf.filled());
            if let Some(ProxiedClient { length, source }) = introduced(&self.first)? {
                self.first.drain(..length);
                if let Some(source) = source {
                    self.guard.set_source(source);
                }
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Returns the protocol that was negotiated before HTTP began.
    pub(in crate::http::conn) fn negotiated(&self) -> Option<Protocol> {
        self.stream.negotiated()
    }

    /// Reads more of the first bytes, which remain to be read again; `false` at the end of the stream.
    pub(in crate::http::conn) fn poll_first(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        // Enough for most heads. A silent connection keeps no buffer: this one is released when nothing has arrived.
        let mut buf = [MaybeUninit::uninit(); 1024];
        let mut buf = ReadBuf::uninit(&mut buf);
        let polled = Pin::new(&mut self.stream).poll_read(cx, &mut buf);
        self.note_half_record(polled.is_pending());
        ready!(polled)?;
        let new = buf.filled();
        if !new.is_empty() {
            self.guard.read(new);
            self.first.extend_from_slice(new);
        }
        Poll::Ready(Ok(!new.is_empty()))
    }

    /// Watches for the end of the stream for a protocol that does not read while a request waits for its response.
    ///
    /// hyper would read itself unless clients may half-close. It allocates a buffer for that with each request, because
    /// the request's head still holds the last one; and a client that half-closes right after its request gets no
    /// answer.
    pub(crate) fn watch_for_end(&mut self) {
        self.read_state = ReadState::Wants;
        self.guard.reads(true);
    }

    /// Fails when the client has disconnected while its request waits, so that its service does no further work. A
    /// client that may have closed only its sending half is answered if [`half_close`](crate::http::Server::half_close)
    /// is set.
    #[inline]
    fn poll_end(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if self.read_state != ReadState::Has || !self.first.is_empty() || !self.guard.waits_alone() {
            return Ok(());
        }
        match self.poll_first(cx)? {
            Poll::Ready(false) if self.guard.context.settings.half_close => Ok(()),
            Poll::Ready(false) => Err(io::ErrorKind::UnexpectedEof.into()),
            Poll::Ready(true) | Poll::Pending => Ok(()),
        }
    }

    #[inline]
    fn note(&mut self, read_state: ReadState) {
        if self.read_state != ReadState::Reads && self.read_state != read_state {
            self.read_state = read_state;
            self.guard.reads(read_state == ReadState::Wants);
        }
    }

    /// Records the close frame of a WebSocket in received bytes; no bytes mean the end of the stream.
    #[cold]
    fn parse_received_close(
        guard: &ConnGuard,
        close_frames: &mut Option<Box<[CloseFrame; 2]>>,
        bytes: &[u8],
    ) {
        let [theirs, _] = &mut **close_frames.get_or_insert_with(new_close_frames);
        if bytes.is_empty() || theirs.feed(bytes) {
            guard.state().note_close_frame(None);
        }
    }

    /// Records the close frame of a WebSocket in written bytes.
    fn parse_sent_close(&mut self, bytes: &[u8]) {
        let [_, ours] = &mut **self.close_frames.get_or_insert_with(new_close_frames);
        if ours.feed(bytes) {
            self.guard.state().note_close_frame(Some(clock::now()));
        }
    }

    pub(in crate::http::conn) fn first(&self) -> &[u8] {
        &self.first
    }

    /// Lets bytes that a parser has read, and has not used, be read again.
    pub(crate) fn put_back(&mut self, bytes: &[u8]) {
        self.first.splice(self.first_at..self.first_at, bytes.iter().copied());
    }

    #[inline]
    fn take_first(&mut self, buf: &mut ReadBuf<'_>) -> bool {
        let left = &self.first[self.first_at..];
        if left.is_empty() {
            return false;
        }
        let taken = left.len().min(buf.remaining());
        buf.put_slice(&left[..taken]);
        self.first_at += taken;
        if self.first_at == self.first.len() {
            (self.first, self.first_at) = (Vec::new(), 0);
        }
        true
    }

    #[inline]
    fn note_blocked(&mut self, blocked: bool) {
        if self.blocked != blocked {
            self.blocked = blocked;
            self.guard.state().set_blocked(blocked, clock::now());
        }
    }

    /// Records whether an incomplete record waits for its rest, when there is nothing else left to read.
    #[inline]
    fn note_half_record(&mut self, all_read: bool) {
        let half = all_read && self.stream.is_in_record();
        if half || (all_read && self.half_record) {
            self.half_record = half;
            self.guard.half_record(half);
        }
    }

    /// Discards what arrives, until the peer has closed or `limit` has passed.
    fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // A peer that sends forever must not keep the task from checking its timer.
        const ROUNDS: usize = 16;
        let mut scrap = [0_u8; 4096];
        for _ in 0..ROUNDS {
            let mut buf = ReadBuf::new(&mut scrap);
            match self.stream.poll_raw(cx, &mut buf) {
                Poll::Ready(Ok(())) if !buf.filled().is_empty() => {}
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Returns whether this side closes first, so that the peer may still be sending and must not be reset for it.
    fn must_linger(&mut self, cx: &mut Context<'_>) -> bool {
        if self.guard.context.is_announced() {
            return true;
        }
        let mut byte = [0_u8; 1];
        let mut buf = ReadBuf::new(&mut byte);
        match Pin::new(&mut self.stream).poll_read(cx, &mut buf) {
            Poll::Ready(Ok(())) => !buf.filled().is_empty(),
            _ => false,
        }
    }
}

impl AsyncRead for Io {
    #[inline]
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.note(ReadState::Wants);
        if self.take_first(buf) {
            self.note(ReadState::Has);
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        self.note_half_record(polled.is_pending());
        ready!(polled)?;
        let new = &buf.filled()[before..];
        if self.guard.is_websocket() {
            let Self { guard, close_frames, .. } = &mut *self;
            Self::parse_received_close(guard, close_frames, new);
        }
        if !new.is_empty() {
            self.guard.read(new);
            self.note(ReadState::Has);
        }
        Poll::Ready(Ok(()))
    }
}

fn new_close_frames() -> Box<[CloseFrame; 2]> {
    Box::new([CloseFrame::default(), CloseFrame::behind_head()])
}

impl AsyncWrite for Io {
    #[inline]
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.note_blocked(written.is_pending());
        if let Poll::Ready(Ok(length)) = written
            && self.guard.is_websocket()
        {
            self.parse_sent_close(buf.get(..length).unwrap_or(buf));
        }
        written
    }

    #[inline]
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = if self.guard.ends_with_response() {
            self.stream.poll_write_before_end(cx, bufs)
        } else {
            Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
        };
        self.note_blocked(written.is_pending());
        if let Poll::Ready(Ok(mut length)) = written
            && self.guard.is_websocket()
        {
            for buf in bufs {
                let part = length.min(buf.len());
                self.parse_sent_close(&buf[..part]);
                length -= part;
            }
        }
        written
    }

    #[inline]
    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    #[inline]
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        if self.stream.holds_back() {
            self.note_blocked(flushed.is_pending());
        }
        ready!(flushed)?;
        self.guard.flushed();
        Poll::Ready(self.poll_end(cx))
    }

    /// Half-closes, then continues to read for a while (RFC 9112 §9.6): a socket closed with unread bytes sends a
    /// reset, which can destroy the last response in transit.
    ///
    /// While a response is incomplete it does nothing: the close must reset the connection.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            match &mut self.closing {
                Closing::No => {
                    if !self.guard.may_end() {
                        self.closing = Closing::Done;
                        continue;
                    }
                    ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
                    if self.guard.state().is_upgraded() || !self.must_linger(cx) {
                        self.closing = Closing::Done;
                        continue;
                    }
                    self.guard.state().linger();
                    let limit = tokio::time::sleep(self.guard.context.settings.linger);
                    self.closing = Closing::Lingering(Box::pin(limit));
                }
                Closing::Lingering(limit) => {
                    let over = limit.as_mut().poll(cx).is_ready();
                    if !over {
                        ready!(self.poll_discard(cx));
                    }
                    self.closing = Closing::Done;
                }
                Closing::Done => return Poll::Ready(Ok(())),
            }
        }
    }
}

impl Drop for Io {
    fn drop(&mut self) {
        let is_whole = |guard: &ConnGuard| !guard.state().must_reset() && !guard.state().is_upgraded();
        if self.stream.holds_back() && matches!(self.closing, Closing::No) && is_whole(&self.guard) {
            self.stream.send_close_notify();
        }
    }
}
