//! One end of a connection, with or without TLS.

use std::future::pending;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::net::{RecvFlags, recv};

use super::Address;
use super::silence::Silence;
use super::stream::Stream;
use super::tls::TlsSession;

/// One end of a connection. Its clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Socket {
    stream: Arc<Stream>,
    tls: Option<Arc<TlsSession>>,
    /// Whether a read or a write has failed.
    failed: Arc<AtomicBool>,
    silence: Silence,
}

/// The receive buffer of a slow reader, in bytes.
const SMALL: u32 = 64 * 1024;

impl Socket {
    /// Connects to `to`, with a handshake of TLS if it is an `https://` address. Has no timeout: the caller must set one.
    pub(crate) async fn connect(to: &Address) -> io::Result<Self> {
        Self::connect_observed(to, &Silence::default()).await
    }

    /// [Connects](Self::connect), and ends `before_tls` with the first byte of a handshake of TLS.
    pub(crate) async fn connect_observed(to: &Address, before_tls: &Silence) -> io::Result<Self> {
        let stream = Arc::new(Stream::connect(&to.socket, to.reads_slowly.then_some(SMALL)).await?);
        let tls = match &to.tls {
            Some(target) => {
                before_tls.end(&stream);
                Some(Arc::new(TlsSession::open(&stream, target, to.template.protocol).await?))
            }
            None => None,
        };
        Ok(Self { stream, tls, failed: Arc::default(), silence: Silence::default() })
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
    ///
    /// # Errors
    ///
    /// When the connection was reset, at each call. The kernel says so only once, and to a write if that comes first: a read finds an end
    /// then.
    pub(super) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match &self.tls {
            Some(tls) => tls.try_read(buffer),
            None => self.stream.try_read(buffer),
        };
        match self.note(read) {
            Ok(0) if self.failed.load(Ordering::Relaxed) => Err(io::ErrorKind::ConnectionReset.into()),
            read => read,
        }
    }

    /// Writes as much of `bytes` as is taken.
    pub(super) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.silence.end(&self.stream);
        self.note(match &self.tls {
            Some(tls) => tls.try_write(bytes),
            None => self.stream.try_write(bytes),
        })
    }

    /// Sends what was taken by a write and is still in this process.
    pub(super) fn try_flush(&self) -> io::Result<()> {
        self.note(self.tls.as_ref().map_or(Ok(()), |tls| tls.try_flush()))
    }

    fn note<T>(&self, done: io::Result<T>) -> io::Result<T> {
        if done.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::WouldBlock) {
            self.failed.store(true, Ordering::Relaxed);
        }
        done
    }

    /// Writes a part of `bytes`, and returns its length.
    ///
    /// # Cancel safety
    ///
    /// If it is dropped before it returns, nothing was written.
    pub(super) async fn write_some(&self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            self.writable().await?;
            match self.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return written,
            }
        }
    }

    /// Sends what was written and is still in this process.
    pub(super) async fn flush(&self) -> io::Result<()> {
        loop {
            match self.try_flush() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.writable().await?,
                flushed => return flushed,
            }
        }
    }

    /// Returns how long its client left it silent, or after the handshake of TLS, before the first byte.
    pub(crate) fn silence(&self) -> &Silence {
        &self.silence
    }

    fn has_input(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.has_input())
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
        self.stream.has_ended()
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

    /// Waits until the peer has closed its end, reading and dropping what still comes. `has_more` is set if something does.
    pub(super) async fn closed_by_peer(&self, has_more: &mut bool) {
        let mut rest = [0_u8; 512];
        while self.readable().await.is_ok() {
            match self.try_read(&mut rest) {
                Ok(0) => return,
                Ok(_) => *has_more = true,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
        }
    }
}
