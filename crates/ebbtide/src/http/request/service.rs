use std::cell::RefCell;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use pin_project_lite::pin_project;
use tokio::time::Sleep;
use tower_service::Service;

use super::Reply;
use super::ending::refusal;
use super::ticket::{Ticket, run_and_log_panic};
use crate::http::conn::Conn;
use crate::http::registry::Order;
use crate::http::{Address, BoxError};

/// Passes the requests of one connection to the service, and updates the connection's state.
#[derive(Debug)]
pub(crate) struct Requests<S> {
    /// Shared by the connection's requests, as long as it is ready: a clone for each request would cost as much as the
    /// tracking itself.
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

/// The address of the client that sent a request.
///
/// A request extension, present if [`Server::peer_info`](crate::http::Server::peer_info) is enabled.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Peer(pub Address);

pin_project! {
    /// A request that the service is handling.
    #[project = RespondingProj]
    pub(crate) struct Responding<S: Service<Request<Incoming>>> {
        #[pin]
        state: RespondingState<S, S::Future>,
        ticket: Option<Ticket>,
        deadline: Option<Pin<Box<Sleep>>>,
    }
}

pin_project! {
    #[project = RespondingStateProj]
    enum RespondingState<S, F> {
        // The service is not ready yet. Boxed, because it nearly always is: the future stays small.
        Waiting { waiting: Box<Waiting<S>> },
        Called { #[pin] future: F },
    }
}

/// A request and the service that it waits for.
struct Waiting<S> {
    service: S,
    /// The error that keeps the service from ever being ready.
    failed: Option<BoxError>,
    request: Option<Request<Incoming>>,
}

impl<S> Waiting<S>
where
    S: Service<Request<Incoming>>,
    S::Error: Into<BoxError>,
{
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        match self.failed.take() {
            Some(error) => Poll::Ready(Err(error)),
            None => self.service.poll_ready(cx).map_err(Into::into),
        }
    }
}

impl<S> Responding<S>
where
    S: Service<Request<Incoming>> + Clone,
    S::Error: Into<BoxError>,
{
    #[inline]
    fn new(
        service: &RefCell<S>,
        request: Request<Incoming>,
        ticket: Ticket,
        deadline: Option<Pin<Box<Sleep>>>,
    ) -> Self {
        // An HTTP/1 call is made here, to avoid storing the request until the first poll, which follows at once. A
        // stream is polled by a separate task, and the service's work must be done there.
        let (mut service, mut failed) = (service.borrow_mut(), None);
        if ticket.is_http1() {
            match service.poll_ready(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(Ok(())) => {
                    return Self {
                        state: RespondingState::Called {
                            future: run_and_log_panic(Some(&ticket), || service.call(request)),
                        },
                        ticket: Some(ticket),
                        deadline,
                    };
                }
                Poll::Ready(Err(error)) => failed = Some(error.into()),
                Poll::Pending => {}
            }
        }
        // The service that was polled must be the one that waits: only it is woken.
        let fresh = service.clone();
        let service = mem::replace(&mut *service, fresh);
        let waiting = Box::new(Waiting { service, failed, request: Some(request) });
        Self { state: RespondingState::Waiting { waiting }, ticket: Some(ticket), deadline }
    }
}

impl<S: Service<Request<Incoming>>> RespondingProj<'_, S> {
    /// Answers in place of the service, whose future is dropped with this one; `cancelled` if the reason is the
    /// shutdown.
    fn refuse<B: Body>(&mut self, cancelled: bool) -> Response<Reply<B>> {
        let ticket = self.ticket.take();
        if !cancelled && let Some(ticket) = &ticket {
            ticket.fail();
        }
        let mut response = refusal(cancelled && ticket.as_ref().is_some_and(Ticket::is_grpc));
        let mut ticket = ticket.and_then(|ticket| ticket.answer(&mut response));
        if cancelled && let Some(ticket) = &mut ticket {
            ticket.give_up();
        }
        Reply::own(response.map(|()| Bytes::new()), ticket)
    }
}

impl<S, B> Future for Responding<S>
where
    S: Service<Request<Incoming>, Response = Response<B>>,
    S::Error: Into<BoxError>,
    B: Body,
{
    type Output = Result<Response<Reply<B>>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let answered = loop {
            match this.state.as_mut().project() {
                RespondingStateProj::Waiting { waiting } => match waiting.poll_ready(cx) {
                    Poll::Pending => break Poll::Pending,
                    Poll::Ready(Err(error)) => break Poll::Ready(Err(error)),
                    Poll::Ready(Ok(())) => {
                        let Some(request) = waiting.request.take() else {
                            return Poll::Pending; // polled after a panic of the service
                        };
                        let call = || waiting.service.call(request);
                        let future = run_and_log_panic(this.ticket.as_ref(), call);
                        this.state.set(RespondingState::Called { future });
                    }
                },
                RespondingStateProj::Called { future } => {
                    let polled = run_and_log_panic(this.ticket.as_ref(), || future.poll(cx));
                    break polled.map_err(Into::into);
                }
            }
        };
        if answered.is_pending() {
            let order = this.ticket.as_mut().map_or(Order::Serve, |ticket| ticket.wait(cx));
            if order == Order::Refuse {
                return Poll::Ready(Ok(this.refuse(true)));
            }
            if order == Order::Cancel {
                // Each HTTP/2 stream has a task. An HTTP/1 connection reads the order before it polls, and the order
                // may be raised in between.
                if let Some(ticket) = this.ticket {
                    ticket.give_up();
                }
                return Poll::Ready(Err("cancelled at the shutdown deadline".into()));
            }
            if this.deadline.as_mut().is_some_and(|deadline| deadline.as_mut().poll(cx).is_ready()) {
                return Poll::Ready(Ok(this.refuse(false)));
            }
        }
        let mut response = match ready!(answered) {
            Ok(response) => response,
            Err(error) => {
                this.ticket.take().iter().for_each(Ticket::fail);
                return Poll::Ready(Err(error));
            }
        };
        let ticket = this.ticket.take().and_then(|ticket| ticket.answer(&mut response));
        Poll::Ready(Ok(Reply::new(response, ticket, this.deadline.take())))
    }
}
