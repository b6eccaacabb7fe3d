use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::ToSocketAddrs;

use crate::runtime::os::socket;

/// How many handshakes may wait to be accepted. The kernel caps it at `net.core.somaxconn`, 4096 by default; tokio's
/// own 128 overflows under 256 clients.
const BACKLOG: i32 = 4096;

/// A TCP socket that listens, ready to be served.
///
/// The kernel completes connections from here on: those that come before [`Server::serve`](super::Server::serve) wait.
#[derive(Debug)]
pub struct Listener {
    socket: std::net::TcpListener,
    local_addr: SocketAddr,
    shared: bool,
}

impl Listener {
    /// Binds an address, with a backlog of 4096 and `SO_REUSEADDR`. `[::]` takes IPv4 as well.
    ///
    /// # Errors
    ///
    /// Fails with the error of the last address tried when none can be bound, and when the name has no address.
    ///
    /// # Cancel safety
    ///
    /// Cancelled while a name is being resolved, it has bound nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main] async fn main() -> std::io::Result<()> {
    /// let listener = ebbtide::http::Listener::bind("127.0.0.1:0").await?;
    /// assert_ne!(listener.local_addr().port(), 0);
    /// # Ok(()) }
    /// ```
    pub async fn bind(addr: impl ToSocketAddrs) -> io::Result<Self> {
        let mut failed = None;
        for addr in tokio::net::lookup_host(addr).await? {
            match bind_one(addr).and_then(Self::from_std) {
                Ok(listener) => return Ok(listener),
                Err(error) => failed = Some(error),
            }
        }
        Err(failed.unwrap_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidInput, "the name to listen on has no address")
        }))
    }

    /// Takes a socket that listens already and that nobody else holds, and gives it this type's backlog.
    ///
    /// # Errors
    ///
    /// Fails when it is not a listening TCP socket.
    pub fn from_std(socket: std::net::TcpListener) -> io::Result<Self> {
        socket::listen(&socket, BACKLOG)?;
        Self::shared_from_std(socket).map(|listener| Self { shared: false, ..listener })
    }

    /// Takes a socket that another process or another part of this one holds as well, such as one passed by systemd.
    ///
    /// At the close it is let go as it is: what waits in its queue belongs to whoever serves it next.
    ///
    /// # Errors
    ///
    /// Fails when it is not a TCP socket.
    pub fn shared_from_std(socket: std::net::TcpListener) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let local_addr = socket.local_addr()?;
        Ok(Self { socket, local_addr, shared: true })
    }

    /// Returns the address that it listens on, with the port that the kernel chose if none was asked for.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Hands the socket to the runtime; tells also whether others hold it.
    pub(super) fn register(self) -> io::Result<(tokio::net::TcpListener, bool)> {
        Ok((tokio::net::TcpListener::from_std(self.socket)?, self.shared))
    }
}

fn bind_one(addr: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    if addr.is_ipv6() && addr.ip().is_unspecified() {
        // Systems differ in their default, and a kernel without IPv4 refuses: then IPv6 alone is right.
        let _ = socket.set_only_v6(false);
    }
    socket.set_reuse_address(true)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}
