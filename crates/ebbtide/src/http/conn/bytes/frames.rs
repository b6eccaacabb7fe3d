//! The layers between hyper and the bytes of an HTTP/2 connection.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use super::uploads::{FrameWalk, Uploads};
use crate::http::conn::Io;
use crate::http::conn::opening::PREFACE;
use crate::http::registry::Order;
use crate::util::clock;

/// How long a PONG is delayed. What it has overtaken arrives right after it.
const PATIENCE: Duration = Duration::from_millis(100);

const FRAME_HEAD: usize = 9;
const PING: u8 = 6;
const ACK: u8 = 1;
/// A PING has eight bytes of payload (RFC 9113 §6.7).
const PONG: usize = FRAME_HEAD + 8;

/// The bytes of an HTTP/2 connection: records in the connection's state how many requests wait for more of their
/// bodies.
///
/// hyper does not report whether a handler waits for its client. The frames show it.
#[derive(Debug)]
pub(crate) struct Frames {
    io: Io,
    received: FrameWalk,
    sent: FrameWalk,
    uploads: Uploads,
    /// The value recorded last.
    noted: usize,
}

impl Frames {
    /// Wraps a connection that begins with its preface.
    pub(crate) fn new(io: Io) -> Self {
        let (received, sent) = (FrameWalk::behind(PREFACE.len()), FrameWalk::behind(0));
        Self { io, received, sent, uploads: Uploads::default(), noted: 0 }
    }

    fn follow_received(&mut self, bytes: &[u8]) {
        let Self { received, uploads, .. } = self;
        let mut progress = false;
        received.feed(bytes, |step| progress |= uploads.received(step));
        // No peer counts as stalled before the draining, and what arrived shortly before it makes little difference.
        let asked = progress && self.io.guard().context.registry.order() >= Order::Announce;
        self.note(asked);
    }

    fn follow_sent(&mut self, bytes: &[u8]) {
        let Self { sent, uploads, .. } = self;
        sent.feed(bytes, |step| uploads.sent(step));
    }

    fn note(&mut self, progress: bool) {
        let waiting = self.uploads.waiting();
        if progress || waiting != self.noted {
            self.noted = waiting;
            self.io.guard().state().uploads(waiting, progress.then(clock::now));
        }
    }
}

impl AsyncRead for Frames {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buf.filled().len();
        let polled = Pin::new(&mut this.io).poll_read(cx, buf);
        if let Some(new) = buf.filled().get(before..).filter(|new| !new.is_empty()) {
            this.follow_received(new);
        }
        polled
    }
}

impl AsyncWrite for Frames {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let written = Pin::new(&mut this.io).poll_write(cx, buf);
        if let Poll::Ready(Ok(length)) = written {
            this.follow_sent(buf.get(..length).unwrap_or(buf));
            this.note(false);
        }
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let written = Pin::new(&mut this.io).poll_write_vectored(cx, bufs);
        if let Poll::Ready(Ok(mut length)) = written {
            for buf in bufs {
                let part = length.min(buf.len());
                this.follow_sent(&buf[..part]);
                length -= part;
            }
            this.note(false);
        }
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// The bytes of an HTTP/2 connection, with the peer's PONG slightly delayed.
///
/// A PONG shows that the peer has read the first GOAWAY; hyper then sends the second one and ends. But a peer may write
/// the PONG before requests that it had begun earlier: hyper's client does when both wait to be written. Those requests
/// would arrive after the second GOAWAY, and would not be answered. (A PING has no order among other frames.)
#[derive(Debug)]
pub(crate) struct DelayedPong<T> {
    inner: T,
    at: FramePosition,
    held: Option<HeldPong>,
}

/// The position in the stream of frames at which the bytes so far end.
#[derive(Clone, Copy, Debug, Default)]
struct FramePosition {
    head: [u8; FRAME_HEAD],
    known: usize,
    payload: usize,
}

#[derive(Debug)]
struct HeldPong {
    pong: [u8; PONG],
    until: Pin<Box<Sleep>>,
}

impl<T> DelayedPong<T> {
    /// Wraps a connection that begins with its preface.
    pub(crate) fn new(inner: T) -> Self {
        let at = FramePosition { payload: PREFACE.len(), ..FramePosition::default() };
        Self { inner, at, held: None }
    }

    /// Parses new bytes, and removes a PONG that is complete among them. Returns how many bytes are left.
    fn follow(&mut self, bytes: &mut [u8]) -> usize {
        let (mut from, mut length) = (0, bytes.len());
        while from < length {
            let pong =
                if self.held.is_none() && self.at.is_between() { pong(&bytes[from..length]) } else { None };
            if let Some(pong) = pong {
                let until = Box::pin(tokio::time::sleep(PATIENCE));
                self.held = Some(HeldPong { pong, until });
                bytes.copy_within(from + PONG..length, from);
                length -= PONG;
            } else {
                from += self.at.step(&bytes[from..length]);
            }
        }
        length
    }
}

impl FramePosition {
    fn is_between(&self) -> bool {
        self.known == 0 && self.payload == 0
    }

    /// Advances to the end of the current part of the frame; returns how many bytes that were.
    fn step(&mut self, bytes: &[u8]) -> usize {
        if self.payload > 0 {
            let step = self.payload.min(bytes.len());
            self.payload -= step;
            return step;
        }
        let step = (FRAME_HEAD - self.known).min(bytes.len());
        self.head[self.known..self.known + step].copy_from_slice(&bytes[..step]);
        self.known += step;
        if self.known == FRAME_HEAD {
            let [a, b, c, ..] = self.head;
            (self.known, self.payload) = (0, u32::from_be_bytes([0, a, b, c]) as usize);
        }
        step
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for DelayedPong<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            if let Some(held) = &mut this.held
                && this.at.is_between()
                && buf.remaining() >= PONG
                && held.until.as_mut().poll(cx).is_ready()
            {
                buf.put_slice(&held.pong);
                this.held = None;
                return Poll::Ready(Ok(()));
            }
            let before = buf.filled().len();
            ready!(Pin::new(&mut this.inner).poll_read(cx, buf))?;
            let read = buf.filled().len() - before;
            let left = this.follow(&mut buf.filled_mut()[before..]);
            buf.set_filled(before + left);
            // An empty read would be taken for the end of the stream.
            if left > 0 || read == 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for DelayedPong<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// Returns the PONG at the beginning of the bytes.
fn pong(bytes: &[u8]) -> Option<[u8; PONG]> {
    let frame: [u8; PONG] = bytes.get(..PONG)?.try_into().ok()?;
    let is_pong = frame[..4] == [0, 0, 8, PING] && frame[4] & ACK != 0;
    is_pong.then_some(frame)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const HEADERS: u8 = 1;
    const PONG: [u8; 17] = *b"\0\0\x08\x06\x01\0\0\0\0payload!";

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let head = [length[1], length[2], length[3], kind, 0, 0, 0, 0, 1];
        [head.as_slice(), payload].concat()
    }

    /// Returns the bytes that are left when they arrive in pieces of this size, and whether a PONG was delayed.
    fn followed(bytes: &[u8], piece: usize) -> (Vec<u8>, bool) {
        let mut later = DelayedPong::new(());
        let mut left = Vec::new();
        for piece in bytes.chunks(piece) {
            let mut piece = piece.to_vec();
            let length = later.follow(&mut piece);
            left.extend(&piece[..length]);
        }
        assert!(later.at.is_between());
        (left, later.held.is_some())
    }

    #[tokio::test]
    async fn only_the_ping_ack_is_removed_for_any_split_of_the_bytes() {
        // In a payload it is not a PONG.
        let others = [PREFACE, &frame(HEADERS, b"abc"), &frame(0, &PONG), &frame(HEADERS, b"")].concat();
        let behind = frame(HEADERS, &[7; 300]);
        let all = [others.as_slice(), &PONG, &behind].concat();
        let rest = [others.as_slice(), &behind].concat();
        assert_eq!(followed(&all, all.len()), (rest.clone(), true));
        for piece in 1..all.len() {
            let (left, held) = followed(&all, piece);
            assert_eq!(left, if held { rest.clone() } else { all.clone() }, "in pieces of {piece}");
            assert_eq!(followed(&rest, piece), (rest.clone(), false));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_delayed_ping_ack_follows_the_frames_it_overtook() {
        let (mut near, far) = tokio::io::duplex(4096);
        let mut far = DelayedPong::new(far);
        let request = frame(HEADERS, b"a request that was begun before");
        near.write_all(&[PREFACE, &PONG, &request].concat()).await.unwrap();
        let mut read = vec![0; PREFACE.len() + request.len()];
        far.read_exact(&mut read).await.unwrap();
        assert!(read.ends_with(&request));
        let mut pong = [0; 17];
        far.read_exact(&mut pong).await.unwrap();
        assert_eq!(pong, PONG);
    }
}
