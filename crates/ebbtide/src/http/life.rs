use std::io;

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use tokio::net::ToSocketAddrs;
use tower_service::Service;

use super::{BoxError, Listener, Listeners, Server, serve_health};
use crate::lifecycle::Life;

/// Servers.
impl Life {
    /// Binds an address to serve; see [`Listener::bind`].
    ///
    /// # Errors
    ///
    /// Fails when no address can be bound.
    pub async fn bind(&self, addr: impl ToSocketAddrs) -> io::Result<Listener> {
        Listener::bind(addr).await
    }

    /// Serves HTTP for a tower service such as `axum::Router`, with the health routes in front of it.
    ///
    /// It serves from now on. From the stop on it announces the close; when the lame duck is over it closes without loss.
    ///
    /// # Examples
    ///
    /// ```
    /// # use ebbtide::{BoxError, Life};
    /// # async fn start(life: Life) -> Result<(), BoxError> {
    /// let router = axum::Router::new().route("/ping", axum::routing::get(async || "pong"));
    /// life.http("api", life.bind("0.0.0.0:8080").await?, router);
    /// # Ok(()) }
    /// ```
    pub fn http<S, B>(&self, name: impl Into<String>, listeners: impl Into<Listeners>, service: S)
    where
        S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
        S::Future: Send,
        S::Error: Into<BoxError>,
        B: Body<Data = bytes::Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        self.http_server(name, listeners, Server::new(self.health_handle().wrap(service)));
    }

    /// Serves with a server that was set up by hand. It has no health routes but those that its service has: put
    /// [`health_handle`](Self::health_handle) in front of it for them.
    ///
    /// The counter given with [`Server::arrivals`] is replaced by the lifecycle's own.
    pub fn http_server<S, B>(
        &self,
        name: impl Into<String>,
        listeners: impl Into<Listeners>,
        server: Server<S>,
    ) where
        S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
        S::Future: Send,
        S::Error: Into<BoxError>,
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<BoxError>,
    {
        let (server, listeners) = (server.follow(self.plan()), listeners.into());
        self.serve(name, server.work(), |context| {
            let serving = server.arrivals(context.arrivals).serve(listeners, context.announced, context.stop);
            async move { Ok(serving.await?) }
        });
    }

    /// Serves the health routes on a listener of their own, until everything else has stopped.
    pub fn health(&self, name: impl Into<String>, listener: Listener) {
        let health = self.health_handle();
        self.probe(name, |context| async move { Ok(serve_health(listener, health, context.stop).await?) });
    }
}
