//! The body of a request.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

/// Bytes that are sent at once, or that trickle.
#[derive(Debug)]
pub(crate) enum Payload {
    /// All at once; may be empty.
    Whole(Bytes),
    /// A byte at a time, so that the request stays in flight on any route that reads its body.
    Trickle {
        /// How many bytes are still to come.
        left: u64,
        /// The time before each.
        pause: Duration,
        /// Until the next one.
        timer: Pin<Box<Sleep>>,
        /// Set once every byte was handed to the connection.
        sent: Arc<AtomicBool>,
    },
}

/// How many bytes a trickled body has.
const TRICKLED: u32 = 20;

impl Payload {
    /// No body.
    pub(crate) fn empty() -> Self {
        Self::Whole(Bytes::new())
    }

    /// A body that takes `time` to send.
    pub(crate) fn trickle(time: Duration) -> Self {
        let pause = time.checked_div(TRICKLED).unwrap_or_default();
        Self::Trickle {
            left: u64::from(TRICKLED),
            pause,
            timer: Box::pin(sleep(pause)),
            sent: Arc::default(),
        }
    }

    /// Tells whether the body was handed to the connection whole; `None`: it goes with the head.
    pub(super) fn watch(&self) -> Option<Arc<AtomicBool>> {
        match self {
            Self::Whole(_) => None,
            Self::Trickle { sent, .. } => Some(Arc::clone(sent)),
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
            Self::Trickle { left: 0, .. } => Poll::Ready(None),
            Self::Trickle { left, pause, timer, sent } => {
                ready!(timer.as_mut().poll(cx));
                *left -= 1;
                sent.store(*left == 0, Ordering::Relaxed);
                *timer = Box::pin(sleep(*pause));
                Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b" ")))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Trickle { left, .. } => *left == 0,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Trickle { left, .. } => SizeHint::with_exact(*left),
        }
    }
}
