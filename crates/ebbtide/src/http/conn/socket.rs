use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::pin::Pin;
#[cfg(target_os = "linux")]
use std::task::ready;
use std::task::{Context, Poll};

#[cfg(target_os = "linux")]
use tokio::io::Interest;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

#[cfg(target_os = "linux")]
use crate::runtime::os::socket::send_before_end;

/// Up to how many bytes are copied together and sent as one: a head and a small body. The kernel takes longer over a list.
const GATHERED: usize = 1024;

/// A connected socket of any kind.
///
/// The kind is looked up at run time: as a type parameter it would have each user's service compiled once for each kind.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Socket {
    /// Tells whether the kernel knows when data last came or went.
    pub(crate) fn is_timed_by_kernel(&self) -> bool {
        cfg!(target_os = "linux") && matches!(self, Self::Tcp(_))
    }

    /// Waits for bytes, or the end.
    #[cfg(feature = "tls")]
    pub(super) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => stream.poll_read_ready(cx),
            Self::Unix(stream) => stream.poll_read_ready(cx),
        }
    }

    /// Writes what the end of the stream follows at once. What is small leaves over TCP in one packet with it, which spares
    /// either side a packet and the peer a wake-up.
    pub(super) fn poll_write_before_end(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        #[cfg(target_os = "linux")]
        if let Self::Tcp(stream) = self
            && is_small(bufs)
        {
            return gathered(bufs, |bytes| poll_send_before_end(stream, cx, bytes));
        }
        Pin::new(self).poll_write_vectored(cx, bufs)
    }

    /// Prepares a new connection.
    pub(crate) fn prepare(&self) {
        if let Self::Tcp(stream) = self {
            // Fails on a connection that is gone already: its task will find out.
            let _ = stream.set_nodelay(true);
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(stream) => stream.as_fd(),
            Self::Unix(stream) => stream.as_fd(),
        }
    }
}

impl AsRawFd for Socket {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl AsyncRead for Socket {
    #[inline]
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Socket {
    #[inline]
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    #[inline]
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if is_small(bufs) {
            return gathered(bufs, |bytes| self.poll_write(cx, bytes));
        }
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Unix(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    #[inline]
    fn is_write_vectored(&self) -> bool {
        true
    }

    #[inline]
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(())) // what was written is the kernel's
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(target_os = "linux")]
fn poll_send_before_end(stream: &TcpStream, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
    loop {
        ready!(stream.poll_write_ready(cx))?;
        match stream.try_io(Interest::WRITABLE, || send_before_end(stream, bytes)) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            sent => return Poll::Ready(sent),
        }
    }
}

fn is_small(bufs: &[io::IoSlice<'_>]) -> bool {
    bufs.iter().map(|buf| buf.len()).sum::<usize>() <= GATHERED
}

#[inline]
fn gathered<R>(bufs: &[io::IoSlice<'_>], write: impl FnOnce(&[u8]) -> R) -> R {
    let mut room = [MaybeUninit::uninit(); GATHERED];
    let mut all = ReadBuf::uninit(&mut room);
    bufs.iter().for_each(|buf| all.put_slice(buf));
    write(all.filled())
}
