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
/// default of 128 overflows under 256 clients.
pub(super) const BACKLOG: i32 = 4096;

/// A listening TCP or Unix socket, ready to be served.
///
/// The kernel completes connections from here on: those that arrive before
/// [`Server::serve`](crate::http::Server::serve) wait in its queue.
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
    /// Binds a TCP address, with a backlog of 4096 and `SO_REUSEADDR`. `[::]` accepts IPv4 as well.
    ///
    /// # Errors
    ///
    /// Fails with the error of the last address tried when no address can be bound, and when the name has no address.
    /// The message contains the address.
    ///
    /// # Cancel safety
    ///
    /// Nothing is bound if it is cancelled while a name is being resolved.
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

    /// Binds a Unix socket, with a backlog of 4096. The umask of the process determines the permissions of its file.
    ///
    /// A stale file of an earlier process, on which no process listens, is replaced. The file is removed when the
    /// listener is closed, unless a successor has replaced it.
    ///
    /// On Linux `@name` is a name in the abstract namespace, without a file. It becomes free only when the listener is
    /// closed: if a successor must be able to listen before this process has ended, use a path.
    ///
    /// # Errors
    ///
    /// Fails when another process listens there, when the path exists and is not a socket, when it is too long for a
    /// socket (107 bytes on Linux), or when its directory does not exist or is not writable.
    ///
    /// # Cancel safety
    ///
    /// Nothing is bound if it is cancelled.
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
    /// The mode is set before a client can connect. A client may connect if it may write the file. An abstract name has
    /// no file: every process in the network namespace may connect, and the mode has no effect.
    ///
    /// # Errors
    ///
    /// As [`bind_unix`](Self::bind_unix).
    ///
    /// # Cancel safety
    ///
    /// Nothing is bound if it is cancelled.
    pub async fn bind_unix_with_mode(path: impl AsRef<Path>, mode: u32) -> io::Result<Self> {
        Self::unix(path.as_ref(), Some(mode)).await
    }

    /// Uses a TCP socket that already listens and is not shared with another process, and sets this type's backlog.
    ///
    /// # Errors
    ///
    /// Fails when it is not a listening TCP socket.
    pub fn from_std(socket: std::net::TcpListener) -> io::Result<Self> {
        socket::listen(&socket, BACKLOG)?;
        Self::shared_from_std(socket).map(|listener| Self { shared: false, ..listener })
    }

    /// Uses a TCP socket that is shared with another process or another part of this one.
    ///
    /// At shutdown its accept queue is not drained: the connections in it belong to the process that serves it next.
    ///
    /// # Errors
    ///
    /// Fails when it is not a TCP socket.
    pub fn shared_from_std(socket: std::net::TcpListener) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let local_addr = socket.local_addr()?.into();
        Ok(Self { socket: Bound::Tcp(socket), local_addr, shared: true, via: Via::default() })
    }

    /// Uses a Unix socket that already listens and is not shared with another process. Its file is not removed when it
    /// is closed.
    ///
    /// # Errors
    ///
    /// Fails when it is not a listening Unix socket.
    pub fn from_std_unix(socket: std::os::unix::net::UnixListener) -> io::Result<Self> {
        socket::listen(&socket, BACKLOG)?;
        Self::shared_from_std_unix(socket).map(|listener| Self { shared: false, ..listener })
    }

    /// Uses a Unix socket that is shared with another process, as [`shared_from_std`](Self::shared_from_std) does.
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
    /// every manager that follows `sd_listen_fds(3)`. Empty when there are none, or when they are meant for another
    /// process.
    ///
    /// They are shared: at shutdown their accept queues are not drained, and the next process that the service manager
    /// starts serves what is queued. A service that is restarted thus refuses no client.
    ///
    /// Each socket is returned once in the life of the process, here or by
    /// [`inherited_by_name`](Self::inherited_by_name). The descriptors are made close-on-exec, so that no child
    /// inherits them. The environment is not changed, because changing it is unsafe once there are threads:
    /// `LISTEN_PID` shows a child that the sockets are not meant for it.
    ///
    /// # Errors
    ///
    /// Fails when one of them is not a listening TCP or Unix stream socket; the message names it. Then none is taken.
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

    /// Takes the inherited sockets with one name, otherwise as [`inherited`](Self::inherited) does. systemd's name for
    /// a socket is its `FileDescriptorName=`, by default the name of the `.socket` unit.
    ///
    /// # Errors
    ///
    /// Fails when one of that name is not a listening TCP or Unix stream socket.
    pub fn inherited_by_name(name: &str) -> io::Result<Vec<Self>> {
        inherited::take(Some(name))?.into_iter().map(Self::from_inherited).collect()
    }

    /// Enables TLS on its connections.
    ///
    /// If ALPN selects `h2` in the handshake, it serves HTTP/2; with `http/1.1`, HTTP/1; without a selection, the
    /// protocol that the client's first bytes show.
    /// [`Server::handshake_timeout`](crate::http::Server::handshake_timeout) limits the time of a handshake.
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

    /// Expects a PROXY protocol header, version 1 or 2, at the beginning of each connection, before TLS.
    ///
    /// A request's [`Peer`](crate::http::Peer) and the stragglers show the client that the header names. If the header
    /// describes a connection of the load balancer itself, such as a health check, or names a Unix socket, they show
    /// the load balancer. The rest of the header is ignored.
    ///
    /// A connection without a valid header is closed and never served. Only the load balancer may be able to reach this
    /// listener, because any client that can may claim any address.
    /// [`Server::handshake_timeout`](crate::http::Server::handshake_timeout) limits the time of the header.
    #[must_use]
    pub fn proxy_protocol(mut self) -> Self {
        self.via.proxy_header = true;
        self
    }

    /// Returns the local address, with the port that the kernel chose if none was requested.
    pub fn local_addr(&self) -> Address {
        self.local_addr.clone()
    }

    /// Returns whether other processes share the socket, so that it must not be closed for all of them.
    pub(crate) fn is_shared(&self) -> bool {
        self.shared
    }

    pub(crate) fn via(&self) -> &Via {
        &self.via
    }

    /// Registers the socket with the runtime.
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

/// What a listener's connections pass through before HTTP.
#[derive(Clone, Debug, Default)]
pub(crate) struct Via {
    /// The load balancer first sends a header that names its client.
    pub(crate) proxy_header: bool,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<Tls>,
}

impl Via {
    /// Returns what a connection passes through first; `None` when that is HTTP.
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
