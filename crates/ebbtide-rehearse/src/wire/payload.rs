//! The body of a request.

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
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

    /// Returns the next part to send, when it is due. `None`: there is none.
    ///
    /// # Cancel safety
    ///
    /// No part is lost.
    pub(super) async fn next(&mut self) -> Option<Bytes> {
        if self.is_over() {
            return None;
        }
        match self {
            Self::Whole(bytes) => Some(std::mem::take(bytes)),
            Self::Messages { message, left, pause, timer, .. } => {
                timer.as_mut().await;
                *timer = Box::pin(sleep(*pause));
                *left = left.saturating_sub(1);
                Some(message.clone())
            }
            Self::Trickle { rest, piece, pause, timer } => {
                timer.as_mut().await;
                *timer = Box::pin(sleep(*pause));
                Some(rest.split_to(rest.len().min(*piece)))
            }
        }
    }

    /// Returns whether every part of it was returned.
    pub(super) fn is_over(&self) -> bool {
        match self {
            Self::Whole(rest) | Self::Trickle { rest, .. } => rest.is_empty(),
            Self::Messages { left, .. } => *left == 0,
        }
    }
}
