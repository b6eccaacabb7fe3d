use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response, StatusCode};
use http_body::Body;
use hyper::body::Incoming;
use pin_project_lite::pin_project;
use tokio::time::Sleep;
use tower_service::Service;

use super::Reply;
use super::ticket::Ticket;
use crate::http::BoxError;

pin_project! {
    /// A request on its way through the service.
    pub(crate) struct Responding<S: Service<Request<Incoming>>> {
        #[pin]
        state: State<S, S::Future>,
        ticket: Option<Ticket>,
        deadline: Option<Pin<Box<Sleep>>>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, F> {
        // The service has not said yet that it is ready.
        Waiting { service: S, request: Option<Request<Incoming>> },
        Called { #[pin] future: F },
    }
}

impl<S: Service<Request<Incoming>>> Responding<S> {
    pub(super) fn new(
        service: S,
        request: Request<Incoming>,
        ticket: Ticket,
        deadline: Option<Pin<Box<Sleep>>>,
    ) -> Self {
        Self { state: State::Waiting { service, request: Some(request) }, ticket: Some(ticket), deadline }
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
                StateProj::Waiting { service, request } => match service.poll_ready(cx) {
                    Poll::Pending => break Poll::Pending,
                    Poll::Ready(Err(error)) => break Poll::Ready(Err(error)),
                    Poll::Ready(Ok(())) => {
                        let Some(request) = request.take() else {
                            return Poll::Pending; // polled after a panic of the service's
                        };
                        let future = service.call(request);
                        this.state.set(State::Called { future });
                    }
                },
                StateProj::Called { future } => break future.poll(cx),
            }
        };
        if answered.is_pending()
            && let Some(ticket) = this.ticket
        {
            ticket.wait();
        }
        if answered.is_pending()
            && let Some(deadline) = this.deadline
            && deadline.as_mut().poll(cx).is_ready()
        {
            let mut timed_out = Response::new(());
            *timed_out.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            let ticket = this.ticket.take().and_then(|ticket| ticket.answer(&mut timed_out));
            return Poll::Ready(Ok(Reply::empty(timed_out, ticket)));
        }
        let mut response = ready!(answered).map_err(Into::into)?;
        let ticket = this.ticket.take().and_then(|ticket| ticket.answer(&mut response));
        Poll::Ready(Ok(Reply::new(response, ticket, this.deadline.take())))
    }
}
