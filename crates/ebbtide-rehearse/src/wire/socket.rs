//! A socket that counts its traffic, so that a loss is classified by bytes and not by the text of an error.

use std::future::pending;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, ReadBufCursor, Write};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{RecvFlags, recv};

use super::Address;
use super::stream::Stream;
use super::tls::TlsSession;
use crate::record::Close;

/// One end of a connection, shared by hyper (which owns a [`Wire`]) and its observers.
#[derive(Clone, Debug)]
pub(crate) struct Socket {
    stream: Arc<Stream>,
    tls: Option<Arc<TlsSession>>,
    meter: Arc<Meter>,
}

/// The traffic of a connection so far.
#[derive(Debug, Default)]
struct Meter {
    sent: AtomicU64,
    received: AtomicU64,
    failed: AtomicBool,
    ended: AtomicBool,
    /// The beginning of what was read since the last [`Socket::mark`].
    head: Mutex<Vec<u8>>,
}

/// How much of each response is kept, to distinguish a truncated head from an interim response.
const HEAD: usize = 2048;

/// The receive buffer of a slow reader, in bytes.
const SMALL: u32 = 64 * 1024;

/// A point in a connection's traffic, to count from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    sent: u64,
    received: u64,
}

impl Socket {
    /// Connects to `to`, with a handshake of TLS if it is an `https://` address. Has no timeout: the caller must set one.
    pub(crate) async fn connect(to: &Address) -> io::Result<Self> {
        let stream = Arc::new(Stream::connect(&to.socket, to.reads_slowly.then_some(SMALL)).await?);
        let tls = match &to.tls {
            Some(target) => Some(Arc::new(TlsSession::open(&stream, target, to.template.protocol).await?)),
            None => None,
        };
        Ok(Self { stream, tls, meter: Arc::default() })
    }

    /// Waits until a read would return something.
    pub(super) async fn readable(&self) -> io::Result<()> {
        if self.has_input() { Ok(()) } else { self.stream.readable().await }
    }

    /// Waits until a write may take something.
    pub(super) async fn writable(&self) -> io::Result<()> {
        self.stream.writable().await
    }

    /// Reads what has arrived; 0 at the end.
    pub(super) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match &self.tls {
            Some(tls) => tls.try_read(buffer),
            None => self.stream.try_read(buffer),
        }
    }

    /// Writes as much of `bytes` as is taken.
    pub(super) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match &self.tls {
            Some(tls) => tls.try_write(bytes),
            None => self.stream.try_write(bytes),
        }
    }

    /// Sends what was taken by a write and is still in this process.
    pub(super) fn try_flush(&self) -> io::Result<()> {
        self.tls.as_ref().map_or(Ok(()), |tls| tls.try_flush())
    }

    fn has_input(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.has_input())
    }

    /// The half that hyper drives.
    pub(super) fn wire(&self) -> Wire {
        Wire { socket: self.clone(), chunk: vec![0; CHUNK].into() }
    }

    /// Now, to count from.
    pub(super) fn mark(&self) -> Mark {
        self.head().clear();
        Mark { sent: self.meter.sent.load(Relaxed), received: self.meter.received.load(Relaxed) }
    }

    /// Bytes written since `mark`.
    pub(super) fn sent_since(&self, mark: Mark) -> u64 {
        self.meter.sent.load(Relaxed).saturating_sub(mark.sent)
    }

    /// Bytes read since `mark`.
    pub(super) fn received_since(&self, mark: Mark) -> u64 {
        self.meter.received.load(Relaxed).saturating_sub(mark.received)
    }

    /// The beginning of what was read since `_mark`, which is the last one.
    pub(super) fn head_since(&self, _mark: Mark) -> Vec<u8> {
        self.head().clone()
    }

    /// The first byte read since the last mark.
    pub(super) fn first_byte(&self) -> Option<u8> {
        self.head().first().copied()
    }

    fn head(&self) -> std::sync::MutexGuard<'_, Vec<u8>> {
        self.meter.head.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How the connection ended; `None`: it did not.
    pub(super) fn close(&self) -> Option<Close> {
        if self.meter.failed.load(Relaxed) {
            Some(Close::Reset)
        } else {
            self.meter.ended.load(Relaxed).then_some(Close::Eof)
        }
    }

    /// Returns whether the peer has neither closed the connection nor sent unrequested bytes, by the present state in
    /// the kernel. A real client checks this before it reuses a kept connection.
    pub(super) fn still_quiet(&self) -> bool {
        match &self.tls {
            Some(tls) => tls.is_quiet(),
            None => matches!(self.peek(), Err(rustix::io::Errno::AGAIN)),
        }
    }

    /// Returns whether the peer has closed the connection and nothing is left to read, by the present state in the kernel.
    pub(super) fn is_at_end(&self) -> bool {
        match &self.tls {
            Some(tls) => tls.is_at_end(),
            None => !matches!(self.peek(), Err(rustix::io::Errno::AGAIN) | Ok(1)),
        }
    }

    fn peek(&self) -> rustix::io::Result<usize> {
        let mut byte = [0_u8; 1];
        recv(&*self.stream, &mut byte, RecvFlags::PEEK | RecvFlags::DONTWAIT).map(|(_, length)| length)
    }

    /// Returns whether the peer has closed the connection, by the present state in the kernel, also if unread bytes precede the end.
    pub(crate) fn has_ended(&self) -> bool {
        let mut wanted = [PollFd::new(&*self.stream, PollFlags::RDHUP)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut wanted, Some(&now)).is_ok_and(|ready| ready > 0)
    }

    /// Waits until the peer has closed the connection, and reads nothing. Never returns if this cannot be observed.
    pub(crate) async fn until_ended(&self) {
        // A second registration: the readiness of the stream itself stays as its readers left it.
        if let Ok(watched) = self.stream.registered_again() {
            while let Ok(ready) = watched.read_ready().await {
                if ready.is_read_closed() {
                    return;
                }
                watched.leave();
            }
        }
        pending().await
    }

    /// Waits until the peer has closed its end, reading and dropping what still comes.
    pub(super) async fn closed_by_peer(&self) {
        let mut rest = [0_u8; 512];
        while self.readable().await.is_ok() {
            match self.try_read(&mut rest) {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
        }
    }

    fn arrived(&self, read: &[u8]) {
        self.meter.received.fetch_add(read.len() as u64, Relaxed);
        if read.is_empty() {
            self.meter.ended.store(true, Relaxed);
        }
        let mut head = self.head();
        let room = HEAD.saturating_sub(head.len());
        head.extend_from_slice(read.get(..room.min(read.len())).unwrap_or_default());
    }

    fn note<T>(&self, result: io::Result<T>) -> io::Result<T> {
        if result.is_err() {
            self.meter.failed.store(true, Relaxed);
        }
        result
    }
}

/// What hyper reads from and writes to.
#[derive(Debug)]
pub(super) struct Wire {
    socket: Socket,
    /// What was read last, before hyper gets a copy of it.
    chunk: Box<[u8]>,
}

/// The largest read, in bytes.
const CHUNK: usize = 8192;

impl Read for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { socket, chunk } = &mut *self;
        let most = chunk.len().min(buf.remaining());
        loop {
            if !socket.has_input() {
                ready!(socket.stream.poll_read_ready(cx))?;
            }
            match socket.try_read(chunk.get_mut(..most).unwrap_or_default()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => {
                    let count = socket.note(result)?;
                    let read = chunk.get(..count).unwrap_or_default();
                    socket.arrived(read);
                    buf.put_slice(read);
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }
}

impl Write for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let socket = &self.socket;
        loop {
            ready!(socket.stream.poll_write_ready(cx))?;
            match socket.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => {
                    let count = socket.note(result)?;
                    socket.meter.sent.fetch_add(count as u64, Relaxed);
                    return Poll::Ready(Ok(count));
                }
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let socket = &self.socket;
        loop {
            match socket.try_flush() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(socket.stream.poll_write_ready(cx))?;
                }
                flushed => return Poll::Ready(socket.note(flushed)),
            }
        }
    }

    /// Does nothing: the socket closes when its last owner is dropped, so that the peer may close first and keep the
    /// TIME_WAIT, which otherwise exhausts the client's ports.
    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
