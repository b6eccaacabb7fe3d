use std::future::Future;
use std::io::IoSlice;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Response};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::Sleep;

use super::ending::{Ending, Endings, retry, unavailable};
use super::ticket::{Ticket, run_and_log_panic};
use crate::http::BoxError;
use crate::http::registry::Order;

/// How much of a response an HTTP/2 stream gets at once: what fits in a frame of the usual size (RFC 9113 §4.2). hyper
/// takes a part as soon as the peer's window has room for one byte of it, so that a large part would look sent long
/// before the peer has received it.
const PIECE: usize = 16 * 1024;

/// The next frame for the stream; `None` at the end.
type Next<D> = Option<Result<Frame<Part<D>>, BoxError>>;

pin_project! {
    /// The body of a response in progress: the service's body, and the record that it is in flight.
    #[project = ReplyProj]
    pub struct Reply<B> {
        #[pin]
        body: Option<B>,
        ticket: Option<Ticket>,
        left: Option<u64>,
        deadline: Option<Pin<Box<Sleep>>>,
        endings: Option<Endings>,
        // What the service has produced and the stream has not been given yet.
        rest: Bytes,
    }

    impl<B> PinnedDrop for Reply<B> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            // If the length is known, hyper does not poll for the end, and drops the body when it has all of it.
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
        let body = response.body();
        let bodiless = ticket.as_ref().is_some_and(Ticket::is_bodiless) || body.is_end_stream();
        let left =
            if bodiless { Some(0) } else { body.size_hint().exact().or_else(|| length(response.headers())) };
        let endings = match &ticket {
            Some(ticket) if !bodiless => Endings::of(&response, ticket, left.is_none()),
            _ => None,
        };
        if left.is_none()
            && let Some(ticket) = &ticket
        {
            ticket.has_no_length(response.version());
        }
        response.map(|body| Self { body: Some(body), ticket, left, deadline, endings, rest: Bytes::new() })
    }

    /// A response created by the server itself.
    pub(super) fn own(response: Response<Bytes>, ticket: Option<Ticket>) -> Response<Self> {
        let bodiless = ticket.as_ref().is_some_and(Ticket::is_bodiless);
        let left = Some(if bodiless { 0 } else { response.body().len() as u64 });
        response.map(|rest| Self { body: None, ticket, left, deadline: None, endings: None, rest })
    }
}

impl<B> Body for Reply<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    type Data = Part<B::Data>;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let mut this = self.project();
        if !this.rest.is_empty() {
            let piece = std::mem::take(this.rest);
            return Poll::Ready(Some(Ok(Frame::data(this.give(Part::Own(piece), cx)))));
        }
        // Checked here as well: a stream that always has something to send is never pending.
        if let Some(ending) = this.due() {
            return Poll::Ready(this.end(ending));
        }
        let Some(body) = this.body.as_mut().as_pin_mut() else {
            return Poll::Ready(None);
        };
        match run_and_log_panic(this.ticket.as_ref(), || body.poll_frame(cx)) {
            Poll::Ready(Some(Ok(frame))) => {
                Poll::Ready(Some(Ok(match frame.map_data(Part::Given).into_data() {
                    Ok(data) => {
                        this.note_last(&data);
                        Frame::data(this.give(data, cx))
                    }
                    Err(trailers) => {
                        // The body is dropped after the trailers, without a poll for its end.
                        if let Some(ticket) = this.ticket.take() {
                            ticket.whole();
                        }
                        trailers
                    }
                })))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(this.fail(error.into())),
            Poll::Ready(None) => {
                if let Some(ticket) = this.ticket.take() {
                    ticket.whole();
                }
                Poll::Ready(None)
            }
            Poll::Pending => this.wait(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(self.rest.len() as u64), Body::size_hint)
    }
}

impl<B> ReplyProj<'_, B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    /// Records how much is left, if a part is the last one: the body is dropped after it, without a poll for its end.
    fn note_last(&mut self, part: &Part<B::Data>) {
        let is_last =
            self.left.is_none() && self.body.as_ref().as_pin_ref().is_some_and(|body| body.is_end_stream());
        if is_last {
            *self.left = Some(part.remaining() as u64);
        }
    }

    /// Passes a part to the stream, or as much of it as the stream may be given at once.
    fn give(&mut self, part: Part<B::Data>, cx: &Context<'_>) -> Part<B::Data> {
        let Some(ticket) = self.ticket.as_mut() else { return part };
        let part = if ticket.is_http1() { part } else { self.first_piece(part) };
        let part = match self.endings.as_mut() {
            Some(endings) if endings.reads() => {
                let part = if part.whole().is_some() { part } else { Part::Own(part.into_bytes()) };
                endings.sent(|| part.chunk());
                part
            }
            _ => part,
        };
        if let Some(left) = self.left.as_mut() {
            *left = left.saturating_sub(part.remaining() as u64);
        }
        // From here on the client has part of it, which it must not mistake for the whole.
        if *self.left != Some(0)
            && let Some(ticket) = self.ticket.as_mut()
            && ticket.wait(cx).is_draining()
        {
            ticket.offer(true);
        }
        part
    }

    /// Splits a piece from a part and keeps the rest. The last byte of a body is sent separately: when it is taken, the
    /// peer's window has room for everything before it.
    fn first_piece(&mut self, part: Part<B::Data>) -> Part<B::Data> {
        let length = part.remaining();
        if length <= PIECE && !(matches!(part, Part::Own(_)) && length > 1) {
            return part;
        }
        let ends = self.body.as_ref().as_pin_ref().is_none_or(|body| body.is_end_stream());
        let mut bytes = part.into_bytes();
        let piece = if length > PIECE { PIECE } else { length - usize::from(ends) };
        *self.rest = bytes.split_off(piece);
        Part::Own(bytes)
    }

    fn due(&self) -> Option<Ending> {
        let (endings, ticket) = (self.endings.as_ref()?, self.ticket.as_ref()?);
        endings.due(ticket.order())
    }

    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<Next<B::Data>> {
        let order = self.ticket.as_mut().map_or(Order::Serve, |ticket| ticket.wait(cx));
        if order.is_draining()
            && let Some(ticket) = &self.ticket
        {
            ticket.offer(false);
        }
        if let Some(ending) = self.due() {
            return Poll::Ready(self.end(ending));
        }
        if order == Order::Cancel {
            // Each HTTP/2 stream has a task. An HTTP/1 connection reads the order before it polls, and the order may be
            // raised in between.
            if let Some(ticket) = &mut self.ticket {
                ticket.break_off();
                ticket.give_up();
            }
            return Poll::Ready(self.fail("cancelled at the shutdown deadline".into()));
        }
        if self.deadline.as_mut().is_some_and(|deadline| deadline.as_mut().poll(cx).is_ready()) {
            return Poll::Ready(self.fail("the response took longer than the request timeout".into()));
        }
        Poll::Pending
    }

    fn fail(&mut self, error: BoxError) -> Next<B::Data> {
        *self.left = None;
        self.ticket.take().iter().for_each(Ticket::fail);
        Some(Err(error))
    }

    /// Ends the response early. Its body is dropped immediately.
    fn end(&mut self, ending: Ending) -> Next<B::Data> {
        self.body.set(None);
        let mut ticket = self.ticket.take()?;
        match ending {
            Ending::Clean => {
                ticket.ended_early();
                None
            }
            Ending::Events => {
                let last = ticket.sse_retry().map(|wait| Ok(Frame::data(Part::Own(retry(wait)))));
                ticket.ended_early();
                last
            }
            Ending::Unavailable => {
                ticket.ended_early();
                Some(Ok(Frame::trailers(unavailable())))
            }
            Ending::AtDeadline => {
                ticket.give_up();
                Some(Ok(Frame::trailers(unavailable())))
            }
            Ending::AbortedByPolicy => {
                ticket.aborted_by_policy();
                Some(Err("aborted because the server is shutting down".into()))
            }
        }
    }
}

fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// A part of a response's body.
#[derive(Debug)]
pub enum Part<D> {
    /// Data as the service returned it.
    Given(D),
    /// Data made or split by the server.
    Own(Bytes),
}

impl<D: Buf> Part<D> {
    /// Converts it to `Bytes`, by copying what is another type.
    fn into_bytes(self) -> Bytes {
        match self {
            Self::Given(mut data) => data.copy_to_bytes(data.remaining()),
            Self::Own(bytes) => bytes,
        }
    }

    /// Returns all of it, if it is contiguous.
    fn whole(&self) -> Option<&[u8]> {
        Some(self.chunk()).filter(|chunk| chunk.len() == self.remaining())
    }
}

impl<D: Buf> Buf for Part<D> {
    #[inline]
    fn remaining(&self) -> usize {
        match self {
            Self::Given(data) => data.remaining(),
            Self::Own(bytes) => bytes.remaining(),
        }
    }

    #[inline]
    fn chunk(&self) -> &[u8] {
        match self {
            Self::Given(data) => data.chunk(),
            Self::Own(bytes) => bytes.chunk(),
        }
    }

    #[inline]
    fn advance(&mut self, count: usize) {
        match self {
            Self::Given(data) => data.advance(count),
            Self::Own(bytes) => bytes.advance(count),
        }
    }

    #[inline]
    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        match self {
            Self::Given(data) => data.chunks_vectored(slices),
            Self::Own(bytes) => bytes.chunks_vectored(slices),
        }
    }

    #[inline]
    fn copy_to_bytes(&mut self, length: usize) -> Bytes {
        match self {
            Self::Given(data) => data.copy_to_bytes(length),
            Self::Own(bytes) => bytes.copy_to_bytes(length),
        }
    }
}
