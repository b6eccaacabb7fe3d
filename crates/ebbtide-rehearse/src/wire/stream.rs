//! The byte stream of a connection: of TCP, or of a Unix socket.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{RecvFlags, recv};
use tokio::io::{Interest, Ready};
use tokio::net::{TcpSocket, TcpStream, UnixStream};
use tokio::time::sleep;

use crate::record::Endpoint;

/// A connected stream.
#[derive(Debug)]
pub(crate) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// Connects to `to`. Has no timeout: the caller must set one.
pub(crate) async fn connect(to: &Endpoint) -> io::Result<Stream> {
    Stream::connect(to, None).await
}

/// How often a Unix socket is tried whose accept queue is full.
const AGAIN: Duration = Duration::from_millis(1);

macro_rules! each {
    ($stream:expr, $inner:ident => $call:expr) => {
        match $stream {
            Stream::Tcp($inner) => $call,
            Stream::Unix($inner) => $call,
        }
    };
}

impl Stream {
    /// Connects to `to`, with this receive buffer. A Unix socket has none: what is not read stays in the sender's buffer.
    pub(super) async fn connect(to: &Endpoint, receive_buffer: Option<u32>) -> io::Result<Self> {
        let address = match to {
            Endpoint::Unix(path) => return connect_unix(path).await.map(Self::Unix),
            Endpoint::Tcp(address) => *address,
        };
        let stream = match receive_buffer {
            Some(size) => {
                let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
                socket.set_recv_buffer_size(size)?;
                socket.connect(address).await?
            }
            None => TcpStream::connect(address).await?,
        };
        // A connect to a local port without a listener can connect to itself when the kernel picks the same port
        // for the client's end. There is no listener: it counts as a refusal.
        if stream.local_addr()? == stream.peer_addr()? {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        stream.set_nodelay(true)?;
        Ok(Self::Tcp(stream))
    }

    pub(super) async fn readable(&self) -> io::Result<()> {
        each!(self, stream => stream.readable().await)
    }

    /// Returns the same stream with a registration of its own.
    pub(super) fn registered_again(&self) -> io::Result<Self> {
        let fd = self.as_fd().try_clone_to_owned()?;
        match self {
            Self::Tcp(_) => TcpStream::from_std(fd.into()).map(Self::Tcp),
            Self::Unix(_) => UnixStream::from_std(fd.into()).map(Self::Unix),
        }
    }

    /// Waits for what can be read, or for the end.
    pub(super) async fn read_ready(&self) -> io::Result<Ready> {
        each!(self, stream => stream.ready(Interest::READABLE).await)
    }

    /// Leaves what can be read there: [`read_ready`](Self::read_ready) then waits for the next event.
    pub(super) fn leave(&self) {
        let left = || Err::<(), _>(io::ErrorKind::WouldBlock.into());
        let _cleared = each!(self, stream => stream.try_io(Interest::READABLE, left));
    }

    /// Returns whether the peer has closed it, by the present state in the kernel, also if unread bytes precede the end.
    pub(super) fn has_ended(&self) -> bool {
        let mut wanted = [PollFd::new(self, PollFlags::RDHUP)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut wanted, Some(&now)).is_ok_and(|ready| ready > 0)
    }

    pub(super) async fn writable(&self) -> io::Result<()> {
        each!(self, stream => stream.writable().await)
    }

    /// Reads once. A read that does not fill the buffer has emptied the socket: it clears the readiness, as tokio's own `poll_read` does, so
    /// that the next read waits for the next event and needs no system call to find nothing. An end of the stream is never cleared.
    pub(super) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut partial = None;
        let read = || {
            let (_, count) = recv(self.as_fd(), &mut *buffer, RecvFlags::DONTWAIT)?;
            if count > 0 && count < buffer.len() {
                partial = Some(count);
                return Err(io::ErrorKind::WouldBlock.into());
            }
            Ok(count)
        };
        let read = each!(self, stream => stream.try_io(Interest::READABLE, read));
        partial.map_or(read, Ok)
    }

    pub(super) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        each!(self, stream => stream.try_write(bytes))
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        each!(self, stream => stream.as_fd())
    }
}

/// Connects to the Unix socket at `path`. While its accept queue is full it waits, as a blocking client and a SYN of TCP do; the kernel
/// tells a client that does not block at once.
async fn connect_unix(path: &Path) -> io::Result<UnixStream> {
    let path = kernel_path(path);
    loop {
        match UnixStream::connect(&path).await {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => sleep(AGAIN).await,
            connected => return connected,
        }
    }
}

/// Returns `path` as the kernel has it: an abstract socket begins with a zero byte.
fn kernel_path(path: &Path) -> PathBuf {
    let mut bytes = path.as_os_str().as_bytes().to_vec();
    if let Some(first) = bytes.first_mut().filter(|first| **first == b'@') {
        *first = 0;
    }
    OsString::from_vec(bytes).into()
}

#[cfg(test)]
mod tests {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixListener};

    use tokio::time::timeout;

    use super::*;
    use crate::record::{Close, Outcome};
    use crate::wire::{NoConnection, no_connection};

    fn endpoint(path: &Path) -> Endpoint {
        Endpoint::Unix(path.into())
    }

    #[tokio::test]
    async fn a_unix_socket_without_a_listener_refuses() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sock");
        let refused = async || {
            matches!(
                no_connection(connect(&endpoint(&path)).await.unwrap_err()),
                NoConnection::Outcome(Outcome::Refused)
            )
        };
        assert!(refused().await, "no file");
        let listener = UnixListener::bind(&path).unwrap();
        connect(&endpoint(&path)).await.unwrap();
        drop(listener);
        assert!(path.exists() && refused().await, "the file of a listener that has closed");
    }

    #[tokio::test]
    async fn an_abstract_socket_has_no_file() {
        let name = format!("ebbtide-{}", fastrand::u64(..));
        let listener = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        connect(&format!("unix:@{name}").parse().unwrap()).await.unwrap();
        drop(listener);
    }

    #[tokio::test]
    async fn a_connection_waits_while_the_accept_queue_is_full() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sock");
        let listener = UnixListener::bind(&path).unwrap();
        rustix::net::listen(&listener, 0).unwrap();
        let first = connect(&endpoint(&path)).await.unwrap();
        let to = endpoint(&path);
        let second = connect(&to);
        tokio::pin!(second);
        assert!(timeout(AGAIN * 20, &mut second).await.is_err(), "the queue has one place");
        listener.accept().unwrap();
        second.await.unwrap();
        drop(first);
    }

    #[tokio::test]
    async fn a_connection_in_the_accept_queue_is_reset_by_the_close_of_the_listener() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let stream = connect(&endpoint(&path)).await.unwrap();
        drop(listener);
        stream.readable().await.unwrap();
        let error = stream.try_read(&mut [0]).unwrap_err();
        let closed = Outcome::ClosedBeforeSend { close: Close::Reset };
        assert!(matches!(no_connection(error), NoConnection::Outcome(outcome) if outcome == closed));
    }
}
