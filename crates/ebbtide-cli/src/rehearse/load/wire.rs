//! A socket that tells what passed over it, so that a loss is classified by bytes and not by an error's wording.

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, ReadBufCursor, Write};
use rustix::net::{RecvFlags, recv};
use tokio::net::TcpStream;

use crate::rehearse::record::Close;

/// One end of a connection, shared by hyper (which owns a [`Wire`]) and whoever watches it.
#[derive(Clone, Debug)]
pub(super) struct Socket {
    stream: Rc<TcpStream>,
    meter: Rc<Meter>,
}

/// What passed over a connection so far.
#[derive(Debug, Default)]
struct Meter {
    sent: Cell<u64>,
    received: Cell<u64>,
    failed: Cell<bool>,
}

/// A point in a connection's traffic, to count from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    sent: u64,
    received: u64,
}

impl Socket {
    /// Connects to `to`, which may take for ever: bound it.
    pub(super) async fn connect(to: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(to).await?;
        // A connect to a local port that nobody listens on can meet itself when the kernel picks that very port
        // for our end. Nobody listens: it is a refusal.
        if stream.local_addr()? == stream.peer_addr()? {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        stream.set_nodelay(true)?;
        Ok(Self { stream: Rc::new(stream), meter: Rc::default() })
    }

    /// The socket.
    pub(super) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// The half that hyper drives.
    pub(super) fn wire(&self) -> Wire {
        Wire(self.clone())
    }

    /// Now, to count from.
    pub(super) fn mark(&self) -> Mark {
        Mark { sent: self.meter.sent.get(), received: self.meter.received.get() }
    }

    /// Bytes written since `mark`.
    pub(super) fn sent_since(&self, mark: Mark) -> u64 {
        self.meter.sent.get() - mark.sent
    }

    /// Bytes read since `mark`.
    pub(super) fn received_since(&self, mark: Mark) -> u64 {
        self.meter.received.get() - mark.received
    }

    /// How the connection ended, given that it did.
    pub(super) fn close(&self) -> Close {
        if self.meter.failed.get() { Close::Reset } else { Close::Eof }
    }

    /// Whether the peer has neither closed the connection nor sent anything unasked, as the kernel knows this
    /// instant. An honest client looks before it uses a kept connection again.
    pub(super) fn still_quiet(&self) -> bool {
        let mut byte = [0_u8; 1];
        let looked = recv(&*self.stream, &mut byte, RecvFlags::PEEK | RecvFlags::DONTWAIT);
        matches!(looked, Err(rustix::io::Errno::AGAIN))
    }

    /// Waits until the peer has closed its end, reading and dropping what still comes.
    pub(super) async fn closed_by_peer(&self) {
        let mut rest = [0_u8; 512];
        while self.stream.readable().await.is_ok() {
            match self.stream.try_read(&mut rest) {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
        }
    }

    fn note<T>(&self, result: io::Result<T>) -> io::Result<T> {
        if result.is_err() {
            self.meter.failed.set(true);
        }
        result
    }
}

/// What hyper reads from and writes to.
#[derive(Debug)]
pub(super) struct Wire(Socket);

impl Read for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let socket = &self.0;
        let mut chunk = [0_u8; 8192];
        let most = chunk.len().min(buf.remaining());
        loop {
            ready!(socket.stream.poll_read_ready(cx))?;
            match socket.stream.try_read(chunk.get_mut(..most).unwrap_or_default()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => {
                    let count = socket.note(result)?;
                    socket.meter.received.set(socket.meter.received.get() + count as u64);
                    buf.put_slice(chunk.get(..count).unwrap_or_default());
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }
}

impl Write for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let socket = &self.0;
        loop {
            ready!(socket.stream.poll_write_ready(cx))?;
            match socket.stream.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => {
                    let count = socket.note(result)?;
                    socket.meter.sent.set(socket.meter.sent.get() + count as u64);
                    return Poll::Ready(Ok(count));
                }
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Does nothing: the socket closes when its last owner lets go, so that the peer may close first and keep the
    /// TIME_WAIT, which otherwise uses up our ports.
    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
