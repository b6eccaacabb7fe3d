//! A stream that stops in the middle.

use std::pin::Pin;
use std::task::{Context, Poll};

use ebbtide::drain::Stop;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::support::stop_source;

/// Sends so many bytes, and the rest when the token stops.
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

/// Flushes as far as it goes now.
pub(super) async fn flush_now<S: AsyncWrite + Unpin>(stream: &mut S) -> std::io::Result<()> {
    std::future::poll_fn(|cx| match Pin::new(&mut *stream).poll_flush(cx) {
        Poll::Pending => Poll::Ready(Ok(())),
        done => done,
    })
    .await
}
