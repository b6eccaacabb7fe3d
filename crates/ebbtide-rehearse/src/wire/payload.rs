//! The body of a request.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

/// A body that is sent at once, or slowly.
#[derive(Debug)]
pub(crate) enum Payload {
    /// All at once; may be empty.
    Whole(Bytes),
    /// In small pieces, so that the request stays in flight on any route that reads its body.
    Trickle {
        /// What is still to come.
        rest: Bytes,
        /// The number of bytes in a piece.
        piece: usize,
        /// The time before each.
        pause: Duration,
        /// Until the next one.
        timer: Pin<Box<Sleep>>,
    },
    /// The same message several times.
    Messages {
        /// The message.
        message: Bytes,
        /// How many are still to come.
        left: u32,
        /// Whether each waits for the answer to the one before.
        in_turn: bool,
        /// The time before each.
        pause: Duration,
        /// Until the next one.
        timer: Pin<Box<Sleep>>,
    },
}

/// The number of pieces of a trickled body, at most.
const PIECES: usize = 20;

impl Payload {
    /// Sends `body` within about `time`.
    pub(super) fn trickle(body: Bytes, time: Duration) -> Self {
        let piece = body.len().div_ceil(PIECES).max(1);
        let pieces = u32::try_from(body.len().div_ceil(piece)).unwrap_or(1);
        let pause = time.checked_div(pieces).unwrap_or_default();
        Self::Trickle { rest: body, piece, pause, timer: Box::pin(sleep(pause)) }
    }
}

impl Payload {
    /// Sends `message` repeatedly, within about `time`.
    pub(super) fn messages(message: Bytes, time: Duration, pause: Duration, in_turn: bool) -> Self {
        let left = u32::try_from(time.as_micros() / pause.as_micros().max(1)).unwrap_or(u32::MAX).max(1);
        Self::Messages { message, left, in_turn, pause, timer: Box::pin(sleep(pause)) }
    }

    /// Returns whether each of its messages waits for the answer to the one before. `None`: it has no messages.
    pub(super) fn in_turn(&self) -> Option<bool> {
        match self {
            Self::Messages { in_turn, .. } => Some(*in_turn),
            Self::Whole(_) | Self::Trickle { .. } => None,
        }
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut *self {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Trickle { rest, .. } if rest.is_empty() => Poll::Ready(None),
            Self::Messages { left: 0, .. } => Poll::Ready(None),
            Self::Messages { message, left, pause, timer, .. } => {
                ready!(timer.as_mut().poll(cx));
                *timer = Box::pin(sleep(*pause));
                *left = left.saturating_sub(1);
                Poll::Ready(Some(Ok(Frame::data(message.clone()))))
            }
            Self::Trickle { rest, piece, pause, timer } => {
                ready!(timer.as_mut().poll(cx));
                *timer = Box::pin(sleep(*pause));
                let next = rest.split_to(rest.len().min(*piece));
                Poll::Ready(Some(Ok(Frame::data(next))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(rest) | Self::Trickle { rest, .. } => rest.is_empty(),
            Self::Messages { left, .. } => *left == 0,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(rest) | Self::Trickle { rest, .. } => SizeHint::with_exact(rest.len() as u64),
            Self::Messages { message, left, .. } => {
                SizeHint::with_exact((message.len() as u64).saturating_mul((*left).into()))
            }
        }
    }
}
