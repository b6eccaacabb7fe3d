use std::{fmt, io};

use tokio::net::ToSocketAddrs;

use super::health::serve_pages;
use super::{HealthPages, HttpService, IntoListeners, Listener, Server};
use crate::lifecycle::Handle;

/// Servers.
impl Handle {
    /// Binds an address to serve; see [`Listener::bind`].
    ///
    /// # Errors
    ///
    /// Fails when no address can be bound; the message contains the address. Also fails when the shutdown has begun, so
    /// that a slow start-up opens no listener that no server would accept from.
    pub async fn bind(&self, addr: impl ToSocketAddrs + fmt::Debug) -> io::Result<Listener> {
        if self.stop_token().is_stopping() {
            return Err(io::Error::other(format!("cannot bind {addr:?}: the shutdown has begun")));
        }
        Listener::bind(addr).await
    }

    /// Serves HTTP for a tower service such as `axum::Router`.
    ///
    /// It serves from this call on. After the stop signal it announces the close; when the lame duck ends it closes
    /// without losing a request. If the shutdown has begun already, it does so immediately.
    ///
    /// It takes tokio's and the standard library's listeners as well as [`Listener`]s. A listener that cannot be used
    /// fails the start-up with its error.
    ///
    /// It adds no health routes: [`health_routes`](Self::health_routes) adds them to an axum router,
    /// [`Health::wrap`](crate::health::Health::wrap) puts them in front of any service, and [`health`](Self::health)
    /// serves them on a separate listener.
    ///
    /// # Examples
    ///
    /// ```
    /// # use ebbtide::{BoxError, Handle};
    /// # async fn start(app: Handle) -> Result<(), BoxError> {
    /// let router = axum::Router::new().route("/ping", axum::routing::get(async || "pong"));
    /// app.http("api", app.bind("0.0.0.0:8080").await?, router);
    /// # Ok(()) }
    /// ```
    pub fn http<S>(&self, name: impl Into<String>, listeners: impl IntoListeners, service: S)
    where
        S: HttpService,
    {
        self.http_server(name, listeners, Server::new(service));
    }

    /// Serves with a configured server, otherwise as [`http`](Self::http) does.
    ///
    /// The counter set with [`Server::arrivals`] is replaced by the lifecycle's counter.
    pub fn http_server<S>(&self, name: impl Into<String>, listeners: impl IntoListeners, server: Server<S>)
    where
        S: HttpService,
    {
        let (name, server, listeners) = (name.into(), server.follow(self.plan()), listeners.into_listeners());
        if let Ok(listeners) = &listeners {
            listeners.say(&name);
        }
        self.serve(name, server.work(), |context| {
            let serving =
                server.arrivals(context.arrivals).serve_on(listeners, context.announced, context.stop);
            async move { Ok(serving.await?) }
        });
    }

    /// Serves the health routes on a separate listener, until everything else has stopped.
    ///
    /// Its `/readyz?verbose` also shows the error of a failed check: do not expose the listener to the public, or serve
    /// a different [handle](Self::health_handle).
    pub fn health(&self, name: impl Into<String>, listener: Listener) {
        self.health_with(name, listener, HealthPages::new());
    }

    /// Serves the health routes and other pages on a separate listener, as [`health`](Self::health) does.
    pub fn health_with(&self, name: impl Into<String>, listener: Listener, pages: HealthPages) {
        let (name, health) = (name.into(), self.health_handle().with_reasons());
        tracing::info!(component = name, address = %listener.local_addr(), "listening");
        self.probe(
            name,
            |context| async move { Ok(serve_pages(listener, health, pages, context.stop).await?) },
        );
    }
}
