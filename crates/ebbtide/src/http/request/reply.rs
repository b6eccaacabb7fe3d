use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Buf;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Response};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::Sleep;

use super::ticket::Ticket;
use crate::http::BoxError;

pin_project! {
    /// The body of a response on its way out: the service's own, and the record that it is in flight.
    pub struct Reply<B> {
        #[pin]
        body: Option<B>,
        ticket: Option<Ticket>,
        left: Option<u64>,
        deadline: Option<Pin<Box<Sleep>>>,
    }

    impl<B> PinnedDrop for Reply<B> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            // Where the length is known, the server need not ask for the end, and drops the body when it has it all.
            if *this.left == Some(0) && let Some(ticket) = this.ticket.take() {
                ticket.whole();
            }
        }
    }
}

impl<B: Body> Reply<B> {
    pub(super) fn new(
        response: Response<B>,
        ticket: Option<Ticket>,
        deadline: Option<Pin<Box<Sleep>>>,
    ) -> Response<Self> {
        let (head, body) = response.into_parts();
        let bodiless = ticket.as_ref().is_some_and(Ticket::is_bodiless) || body.is_end_stream();
        let left =
            if bodiless { Some(0) } else { body.size_hint().exact().or_else(|| length(&head.headers)) };
        Response::from_parts(head, Self { body: Some(body), ticket, left, deadline })
    }

    /// A response without a body, made by the server itself.
    pub(super) fn empty(response: Response<()>, ticket: Option<Ticket>) -> Response<Self> {
        response.map(|()| Self { body: None, ticket, left: Some(0), deadline: None })
    }
}

impl<B> Body for Reply<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    type Data = B::Data;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let this = self.project();
        let Some(body) = this.body.as_pin_mut() else {
            return Poll::Ready(None);
        };
        match body.poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                if let (Some(left), Some(data)) = (this.left.as_mut(), frame.data_ref()) {
                    *left = left.saturating_sub(data.remaining() as u64);
                }
                // From here on the client has part of it, which must not pass for the whole.
                if *this.left != Some(0)
                    && let Some(ticket) = this.ticket
                {
                    ticket.wait();
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                *this.left = None;
                drop(this.ticket.take());
                Poll::Ready(Some(Err(error.into())))
            }
            Poll::Ready(None) => {
                if let Some(ticket) = this.ticket.take() {
                    ticket.whole();
                }
                Poll::Ready(None)
            }
            Poll::Pending => {
                if let Some(ticket) = this.ticket {
                    ticket.wait();
                }
                let over =
                    this.deadline.as_mut().is_some_and(|deadline| deadline.as_mut().poll(cx).is_ready());
                if !over {
                    return Poll::Pending;
                }
                *this.left = None;
                drop(this.ticket.take());
                Poll::Ready(Some(Err("the response took longer than the request timeout".into())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
