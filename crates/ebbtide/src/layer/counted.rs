use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Buf;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::shared::{InFlight, unless_it_panics};

pin_project! {
    /// The body of a response whose request is in flight until the body has ended, has failed or is dropped.
    #[derive(Debug)]
    pub struct Counted<B> {
        #[pin]
        body: B,
        held: Option<InFlight>,
        left: Option<u64>,
    }

    impl<B> PinnedDrop for Counted<B> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            // Where the length is known, a server need not ask for the end, and drops the body when it has it all.
            if *this.left == Some(0) && let Some(held) = this.held.take() {
                held.finish();
            }
        }
    }
}

impl<B: Body> Counted<B> {
    /// Counts a response until its end; one that is `bodiless` is sent without its body.
    pub(super) fn new(body: B, held: Option<InFlight>, bodiless: bool) -> Self {
        let left = if bodiless || body.is_end_stream() { Some(0) } else { body.size_hint().exact() };
        Self { body, held, left }
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
        let frame = ready!(unless_it_panics(this.held.as_ref(), || this.body.poll_frame(cx)));
        match &frame {
            Some(Ok(frame)) => {
                if let (Some(left), Some(data)) = (this.left.as_mut(), frame.data_ref()) {
                    *left = left.saturating_sub(data.remaining() as u64);
                }
                if frame.is_trailers() {
                    // They are last: a server need not ask for the end behind them.
                    this.held.take().into_iter().for_each(InFlight::finish);
                }
            }
            Some(Err(_)) => {
                *this.left = None;
                this.held.take().into_iter().for_each(InFlight::fail);
            }
            None => this.held.take().into_iter().for_each(InFlight::finish),
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
