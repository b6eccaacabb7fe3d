use std::io;

use crate::http::{Listener, Listeners};

/// What [`serve`](super::serve) takes as a listener: tokio's and the standard library's, TCP and Unix, and all that a
/// [`Server`](crate::http::Server) takes.
///
/// A socket of tokio's or the standard library's gets our backlog, and is ours alone: what waits in its queue is served
/// before it closes. For one that somebody else holds too, use [`Listener::shared_from_std`].
///
/// Sealed: nobody else implements it.
pub trait IntoListeners: sealed::Sealed {
    /// Makes our listeners of it.
    ///
    /// # Errors
    ///
    /// When it is not a listening socket.
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
