use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::task::{Context, Poll};

use tokio::net::{TcpListener, UnixListener};

use super::SocketFile;
use crate::http::Address;
use crate::http::conn::Socket;
use crate::runtime::os::socket;

/// A listening socket in the hands of the runtime.
#[derive(Debug)]
pub(crate) enum Listening {
    Tcp(TcpListener),
    /// With its file, if that is ours to remove.
    Unix(UnixListener, Option<SocketFile>),
}

impl Listening {
    pub(crate) fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(Socket, Address)>> {
        match self {
            Self::Tcp(listener) => {
                listener.poll_accept(cx).map_ok(|(stream, from)| (Socket::Tcp(stream), from.into()))
            }
            Self::Unix(listener, _) => {
                let accepted = listener.poll_accept(cx);
                accepted.map_ok(|(stream, from)| {
                    let from: std::os::unix::net::SocketAddr = from.into();
                    (Socket::Unix(stream), (&from).into())
                })
            }
        }
    }

    /// Takes a connection that waits in the queue already, whether or not the reactor knows of it yet; `None` when the queue
    /// is empty.
    ///
    /// # Errors
    ///
    /// Fails as `accept(2)` does. A queue that is known to be empty is no error, although `accept(2)` asks for a descriptor
    /// before it looks at the queue.
    pub(crate) fn accept_now(&self) -> io::Result<Option<(Socket, Address)>> {
        let (accepted, from) = match socket::accept_now(self) {
            Ok(Some(accepted)) => accepted,
            Ok(None) => return Ok(None),
            Err(_) if self.is_queue_empty() => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(Some(match self {
            Self::Tcp(_) => {
                let from = from.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
                (Socket::Tcp(tokio::net::TcpStream::from_std(accepted.into())?), from.into())
            }
            Self::Unix(..) => {
                let from = from.as_unix().map_or(Address::Unix(None), |from| (&from).into());
                (Socket::Unix(tokio::net::UnixStream::from_std(accepted.into())?), from)
            }
        }))
    }

    /// Tells whether no connection waits in the queue. A Unix socket that refuses new ones cannot tell.
    fn is_queue_empty(&self) -> bool {
        matches!(self, Self::Tcp(_)) && socket::is_queue_empty(self)
    }

    pub(crate) fn tcp_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok(),
            Self::Unix(..) => None,
        }
    }
}

impl AsFd for Listening {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(listener) => listener.as_fd(),
            Self::Unix(listener, _) => listener.as_fd(),
        }
    }
}

impl AsRawFd for Listening {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}
