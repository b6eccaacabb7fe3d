use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::shared::InFlight;

pin_project! {
    /// The body of a response whose request is in flight until the body has ended, has failed or is dropped.
    #[derive(Debug)]
    pub struct Counted<B> {
        #[pin]
        body: B,
        held: Option<InFlight>,
    }
}

impl<B> Counted<B> {
    pub(super) fn new(body: B, held: Option<InFlight>) -> Self {
        Self { body, held }
    }
}

impl<B: Body> Body for Counted<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        let frame = ready!(this.body.poll_frame(cx));
        if !matches!(frame, Some(Ok(_))) {
            drop(this.held.take());
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
