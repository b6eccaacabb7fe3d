use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Io;
use super::first::PREFACE;
use super::uploads::{Uploads, Walk};
use crate::http::order::Order;
use crate::runtime::clock;

/// The bytes of an HTTP/2 connection: notes in the book how many requests wait for more of their bodies.
///
/// hyper does not tell whether a handler waits for its client. The frames do.
#[derive(Debug)]
pub(crate) struct Frames {
    io: Io,
    received: Walk,
    sent: Walk,
    uploads: Uploads,
    /// What the book has.
    noted: usize,
}

impl Frames {
    /// Wraps a connection that begins with its preface.
    pub(crate) fn new(io: Io) -> Self {
        let (received, sent) = (Walk::behind(PREFACE.len()), Walk::behind(0));
        Self { io, received, sent, uploads: Uploads::default(), noted: 0 }
    }

    fn follow_received(&mut self, bytes: &[u8]) {
        let Self { received, uploads, .. } = self;
        let mut progress = false;
        received.feed(bytes, |step| progress |= uploads.received(step));
        // Nothing stalls before the draining, and what has come shortly before it makes little difference.
        let asked = progress && self.io.held().context.ledger.order() >= Order::Announce;
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
            self.io.held().book().uploads(waiting, progress.then(clock::now));
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
