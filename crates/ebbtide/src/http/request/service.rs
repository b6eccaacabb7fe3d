use std::cell::RefCell;
use std::sync::Arc;

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use tower_service::Service;

use super::future::Responding;
use super::ticket::Ticket;
use super::{Peer, Reply};
use crate::http::BoxError;
use crate::http::conn::Conn;

/// Hands the requests of one connection to the service, and keeps the connection's book.
#[derive(Debug)]
pub(crate) struct Requests<S> {
    /// The one of the connection's requests, as long as it is ready: a clone for each would cost what it counts.
    service: RefCell<S>,
    conn: Arc<Conn>,
}

impl<S> Requests<S> {
    pub(crate) fn new(service: S, conn: Arc<Conn>) -> Self {
        Self { service: RefCell::new(service), conn }
    }
}

impl<S, B> hyper::service::Service<Request<Incoming>> for Requests<S>
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone,
    S::Error: Into<BoxError>,
    B: Body,
{
    type Response = Response<Reply<B>>;
    type Error = BoxError;
    type Future = Responding<S>;

    fn call(&self, mut request: Request<Incoming>) -> Responding<S> {
        let settings = &self.conn.context.settings;
        let ticket = Ticket::new(&self.conn, &request);
        if settings.peer_info {
            #[cfg(feature = "axum")]
            if let Some(address) = self.conn.peer().tcp() {
                request.extensions_mut().insert(axum::extract::ConnectInfo(address));
            }
            request.extensions_mut().insert(Peer(self.conn.peer().clone()));
        }
        let deadline = settings.request_timeout.map(|limit| Box::pin(tokio::time::sleep(limit)));
        Responding::new(&self.service, request, ticket, deadline)
    }
}
