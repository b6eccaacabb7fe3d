use std::{fmt, io};

use super::Listener;

/// The listeners of one server: one, or several of any kind.
///
/// # Examples
///
/// ```
/// # use ebbtide::{BoxError, Handle};
/// # use ebbtide::http::Listener;
/// # async fn start(app: Handle) -> Result<(), BoxError> {
/// let router = axum::Router::new().route("/ping", axum::routing::get(async || "pong"));
/// let near = Listener::bind_unix("/run/orders.sock").await?;
/// app.http("api", [app.bind("0.0.0.0:8080").await?, near], router);
/// # Ok(()) }
/// ```
#[derive(Default)]
pub struct Listeners(Vec<Listener>);

impl Listeners {
    /// Logs where a component listens.
    pub(crate) fn say(&self, component: &str) {
        for listener in &self.0 {
            tracing::info!(component, address = %listener.local_addr(), "listening");
        }
    }

    pub(crate) fn into_vec(self) -> Vec<Listener> {
        self.0
    }
}

impl From<Listener> for Listeners {
    fn from(listener: Listener) -> Self {
        Self(vec![listener])
    }
}

impl From<Vec<Listener>> for Listeners {
    fn from(listeners: Vec<Listener>) -> Self {
        Self(listeners)
    }
}

impl<const N: usize> From<[Listener; N]> for Listeners {
    fn from(listeners: [Listener; N]) -> Self {
        Self(listeners.into())
    }
}

impl FromIterator<Listener> for Listeners {
    fn from_iter<I: IntoIterator<Item = Listener>>(listeners: I) -> Self {
        Self(listeners.into_iter().collect())
    }
}

impl fmt::Debug for Listeners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.0).finish()
    }
}

/// The listeners that a server takes: tokio's and the standard library's, TCP and Unix, one [`Listener`] or several.
///
/// A socket of tokio's or the standard library's gets this crate's backlog, and is treated as not shared: its accept
/// queue is drained before it closes. For a socket that another process shares, use [`Listener::shared_from_std`].
///
/// Sealed: it cannot be implemented outside this crate.
pub trait IntoListeners: sealed::Sealed + Send + 'static {
    /// Converts this to listeners.
    ///
    /// # Errors
    ///
    /// Fails when a socket cannot listen.
    fn into_listeners(self) -> io::Result<Listeners>;
}

impl IntoListeners for Listener {
    fn into_listeners(self) -> io::Result<Listeners> {
        Ok(self.into())
    }
}

impl IntoListeners for Listeners {
    fn into_listeners(self) -> io::Result<Listeners> {
        Ok(self)
    }
}

impl IntoListeners for Vec<Listener> {
    fn into_listeners(self) -> io::Result<Listeners> {
        Ok(self.into())
    }
}

impl<const N: usize> IntoListeners for [Listener; N] {
    fn into_listeners(self) -> io::Result<Listeners> {
        Ok(self.into())
    }
}

impl IntoListeners for std::net::TcpListener {
    fn into_listeners(self) -> io::Result<Listeners> {
        Ok(Listener::from_std(self)?.into())
    }
}

impl IntoListeners for tokio::net::TcpListener {
    fn into_listeners(self) -> io::Result<Listeners> {
        self.into_std()?.into_listeners()
    }
}

impl IntoListeners for std::os::unix::net::UnixListener {
    fn into_listeners(self) -> io::Result<Listeners> {
        Ok(Listener::from_std_unix(self)?.into())
    }
}

impl IntoListeners for tokio::net::UnixListener {
    fn into_listeners(self) -> io::Result<Listeners> {
        self.into_std()?.into_listeners()
    }
}

mod sealed {
    use crate::http::{Listener, Listeners};

    pub trait Sealed {}

    impl Sealed for Listener {}
    impl Sealed for Listeners {}
    impl Sealed for Vec<Listener> {}
    impl<const N: usize> Sealed for [Listener; N] {}
    impl Sealed for std::net::TcpListener {}
    impl Sealed for tokio::net::TcpListener {}
    impl Sealed for std::os::unix::net::UnixListener {}
    impl Sealed for tokio::net::UnixListener {}
}
