use std::path::Path;
use std::{fmt, io};

use tokio::net::ToSocketAddrs;

use super::accept::Listening;
use super::bind::{SocketFile, bind_tcp, bind_unix};
use crate::http::Address;
#[cfg(feature = "tls")]
use crate::http::Tls;
use crate::http::conn::Opening;
use crate::runtime::os::inherited::{self, Inherited};
use crate::runtime::os::socket;

/// How many handshakes may wait to be accepted. The kernel caps it at `net.core.somaxconn`, 4096 by default; tokio's
/// own 128 overflows under 256 clients.
pub(super) const BACKLOG: i32 = 4096;

/// A socket that listens, TCP or Unix, ready to be served.
///
/// The kernel completes connections from here on: those that come before [`Server::serve`](crate::http::Server::serve)
/// wait.
#[derive(Debug)]
pub struct Listener {
    socket: Bound,
    local_addr: Address,
    shared: bool,
    via: Via,
}

#[derive(Debug)]
enum Bound {
    Tcp(std::net::TcpListener),
    Unix(std::os::unix::net::UnixListener, Option<SocketFile>),
}

impl Listener {
    /// Binds a TCP address, with a backlog of 4096 and `SO_REUSEADDR`. `[::]` takes IPv4 as well.
    ///
    /// # Errors
    ///
    /// Fails with the error of the last address tried when none can be bound, and when the name has no address. The error names the
    /// address.
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
    /// assert_ne!(listener.local_addr().port(), Some(0));
    /// # Ok(()) }
    /// ```
    pub async fn bind(addr: impl ToSocketAddrs + fmt::Debug) -> io::Result<Self> {
        let (mut failed, asked) = (None, format!("{addr:?}"));
        let found = tokio::net::lookup_host(addr).await.map_err(|error| cannot_bind(&asked, error))?;
        for addr in found {
            match bind_tcp(addr).and_then(Self::from_std) {
                Ok(listener) => return Ok(listener),
                Err(error) => failed = Some(cannot_bind(addr, error)),
            }
        }
        Err(failed.unwrap_or_else(|| {
            cannot_bind(&asked, io::Error::new(io::ErrorKind::InvalidInput, "it has no address"))
        }))
    }

    /// Binds a Unix socket, with a backlog of 4096, and the rights that the process's umask leaves to its file.
    ///
    /// A file that an earlier process left behind, on which nobody listens, is replaced. The file is removed when the
    /// listener is closed, if it is still this one's: never a successor's.
    ///
    /// On Linux `@name` is a name in the abstract namespace, without a file. It is free as soon as the listener is
    /// closed, and not before: where a successor has to be able to listen before this one has ended, use a path.
    ///
    /// # Errors
    ///
    /// Fails when another process listens there, when the path is that of something else than a socket, when it is too
    /// long for a socket (107 bytes on Linux), or when its directory does not exist or may not be written.
    ///
    /// # Cancel safety
    ///
    /// Cancelled, it has bound nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main] async fn main() -> std::io::Result<()> {
    /// # let directory = tempfile::tempdir()?;
    /// # let path = directory.path().join("orders.sock");
    /// let listener = ebbtide::http::Listener::bind_unix(&path).await?;
    /// assert_eq!(listener.local_addr().path(), Some(path.as_path()));
    /// drop(listener);
    /// assert!(!path.exists());
    /// # Ok(()) }
    /// ```
    pub async fn bind_unix(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::unix(path.as_ref(), None).await
    }

    /// Binds a Unix socket as [`bind_unix`](Self::bind_unix) does, with a mode such as `0o660` for its file.
    ///
    /// It is set before anybody can connect. Who may connect is who may write the file. An abstract name has no file:
    /// there everybody in the network namespace may, and the mode says nothing.
    ///
    /// # Errors
    ///
    /// As [`bind_unix`](Self::bind_unix).
    ///
    /// # Cancel safety
    ///
    /// Cancelled, it has bound nothing.
    pub async fn bind_unix_with_mode(path: impl AsRef<Path>, mode: u32) -> io::Result<Self> {
        Self::unix(path.as_ref(), Some(mode)).await
    }

    /// Takes a TCP socket that listens already and that nobody else holds, and gives it this type's backlog.
    ///
    /// # Errors
    ///
    /// Fails when it is not a listening TCP socket.
    pub fn from_std(socket: std::net::TcpListener) -> io::Result<Self> {
        socket::listen(&socket, BACKLOG)?;
        Self::shared_from_std(socket).map(|listener| Self { shared: false, ..listener })
    }

    /// Takes a TCP socket that another process or another part of this one holds as well.
    ///
    /// At the close it is let go as it is: what waits in its queue belongs to whoever serves it next.
    ///
    /// # Errors
    ///
    /// Fails when it is not a TCP socket.
    pub fn shared_from_std(socket: std::net::TcpListener) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let local_addr = socket.local_addr()?.into();
        Ok(Self { socket: Bound::Tcp(socket), local_addr, shared: true, via: Via::default() })
    }

    /// Takes a Unix socket that listens already and that nobody else holds. Its file stays when it is closed.
    ///
    /// # Errors
    ///
    /// Fails when it is not a listening Unix socket.
    pub fn from_std_unix(socket: std::os::unix::net::UnixListener) -> io::Result<Self> {
        socket::listen(&socket, BACKLOG)?;
        Self::shared_from_std_unix(socket).map(|listener| Self { shared: false, ..listener })
    }

    /// Takes a Unix socket that somebody else holds as well, as [`shared_from_std`](Self::shared_from_std) does.
    ///
    /// # Errors
    ///
    /// Fails when it is not a Unix socket.
    pub fn shared_from_std_unix(socket: std::os::unix::net::UnixListener) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let local_addr = (&socket.local_addr()?).into();
        Ok(Self { socket: Bound::Unix(socket, None), local_addr, shared: true, via: Via::default() })
    }

    /// Takes the sockets that the service manager opened and passed on (`LISTEN_FDS`): systemd's `.socket` units, and
    /// whatever follows `sd_listen_fds(3)`. Empty when there are none, or when they are meant for another process.
    ///
    /// They are shared: at the close they are let go as they are, and what waits in their queues is served by the next
    /// process that the service manager starts. A service that is restarted thus refuses nobody.
    ///
    /// Each socket is given out once in the life of the process, here or by [`inherited_by_name`](Self::inherited_by_name).
    /// The descriptors are made close-on-exec, so that no child inherits them. The environment is left as it is, because
    /// changing it is not safe once there are threads: a child sees by `LISTEN_PID` that it is not meant.
    ///
    /// # Errors
    ///
    /// Fails when one of them is not a listening TCP or Unix stream socket, and names it. Then none is taken.
    ///
    /// # Examples
    ///
    /// ```
    /// # use ebbtide::{BoxError, Handle};
    /// # use ebbtide::http::Listener;
    /// # async fn start(app: Handle) -> Result<(), BoxError> {
    /// # let router = axum::Router::new().route("/ping", axum::routing::get(async || "pong"));
    /// let mut listeners = Listener::inherited()?;
    /// if listeners.is_empty() {
    ///     listeners.push(app.bind("0.0.0.0:8080").await?);
    /// }
    /// app.http("api", listeners, router);
    /// # Ok(()) }
    /// ```
    pub fn inherited() -> io::Result<Vec<Self>> {
        inherited::take(None)?.into_iter().map(Self::from_inherited).collect()
    }

    /// Takes the sockets of one name, as [`inherited`](Self::inherited) takes them all. systemd's name for a socket is its
    /// `FileDescriptorName=`, by default the name of the `.socket` unit.
    ///
    /// # Errors
    ///
    /// Fails when one of that name is not a listening TCP or Unix stream socket.
    pub fn inherited_by_name(name: &str) -> io::Result<Vec<Self>> {
        inherited::take(Some(name))?.into_iter().map(Self::from_inherited).collect()
    }

    /// Speaks TLS on its connections.
    ///
    /// With `h2` agreed on in the handshake (ALPN) it serves HTTP/2, with `http/1.1` HTTP/1, and without an agreement what
    /// the client's first bytes begin. How long a handshake may take is
    /// [`Server::handshake_timeout`](crate::http::Server::handshake_timeout)'s matter.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use ebbtide::{BoxError, Handle};
    /// # use ebbtide::http::Tls;
    /// # async fn start(app: Handle) -> Result<(), BoxError> {
    /// # let router = axum::Router::new().route("/ping", axum::routing::get(async || "pong"));
    /// let tls = Tls::from_pem_files("/etc/tls/tls.crt", "/etc/tls/tls.key")?;
    /// app.http("api", app.bind("0.0.0.0:8443").await?.tls(tls), router);
    /// # Ok(()) }
    /// ```
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.via.tls = Some(tls);
        self
    }

    /// Expects a PROXY protocol header, version 1 or 2, at the beginning of each connection, before TLS if there is any.
    ///
    /// The client that it names is the one that a request's [`Peer`](crate::http::Peer) and the stragglers show. Where the
    /// load balancer speaks for itself, as in its health checks, or names a Unix socket, they show the load balancer.
    /// What else the header says is ignored. A connection without a valid header is closed and never served: let only the
    /// load balancer reach this listener, because whoever does can claim any address. The header has the time of
    /// [`Server::handshake_timeout`](crate::http::Server::handshake_timeout).
    #[must_use]
    pub fn proxy_protocol(mut self) -> Self {
        self.via.proxy_header = true;
        self
    }

    /// Returns the address that it listens on, with the port that the kernel chose if none was asked for.
    pub fn local_addr(&self) -> Address {
        self.local_addr.clone()
    }

    /// Tells whether others hold the socket too, so that it is not ours to close.
    pub(crate) fn is_shared(&self) -> bool {
        self.shared
    }

    pub(crate) fn via(&self) -> &Via {
        &self.via
    }

    /// Hands the socket to the runtime.
    pub(crate) fn register(self) -> io::Result<Listening> {
        Ok(match self.socket {
            Bound::Tcp(socket) => Listening::Tcp(tokio::net::TcpListener::from_std(socket)?),
            Bound::Unix(socket, file) => Listening::Unix(tokio::net::UnixListener::from_std(socket)?, file),
        })
    }

    fn from_inherited(inherited: Inherited) -> io::Result<Self> {
        match inherited {
            Inherited::Tcp(socket) => Self::shared_from_std(socket),
            Inherited::Unix(socket) => Self::shared_from_std_unix(socket),
        }
    }

    async fn unix(path: &Path, mode: Option<u32>) -> io::Result<Self> {
        let (socket, file) = bind_unix(path, mode).await?;
        socket.set_nonblocking(true)?;
        let local_addr = (&socket.local_addr()?).into();
        Ok(Self { socket: Bound::Unix(socket, file), local_addr, shared: false, via: Via::default() })
    }
}

/// What lies between a listener's sockets and HTTP.
#[derive(Clone, Debug, Default)]
pub(crate) struct Via {
    /// A load balancer says first for whom it speaks.
    pub(crate) proxy_header: bool,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<Tls>,
}

impl Via {
    /// Returns what a connection goes through first; `None` when that is HTTP.
    pub(crate) fn first_opening(&self) -> Option<Opening> {
        #[cfg(feature = "tls")]
        let handshake = self.tls.as_ref().map(|_| Opening::Handshake);
        #[cfg(not(feature = "tls"))]
        let handshake = None;
        if self.proxy_header { Some(Opening::ProxyHeader) } else { handshake }
    }
}

fn cannot_bind(addr: impl fmt::Display, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot bind {addr}: {error}"))
}
