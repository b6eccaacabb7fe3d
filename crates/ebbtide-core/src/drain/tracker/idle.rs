use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::handle::Tracker;
use super::state::TrackerState;
use crate::drain::sync::MaybeOwned;

/// Waits for an instant at which nothing is in flight. Made by [`Tracker::idle`] and [`Tracker::idle_owned`].
///
/// # Cancel safety
///
/// Dropping it takes its waker off the list; nothing is lost.
///
/// # Examples
///
/// ```
/// # use ebbtide_core as ebbtide;
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let tracker = ebbtide::drain::Tracker::new();
/// tracker.idle().await;
/// # });
/// ```
#[derive(Debug)]
#[must_use = "a future does nothing until it is awaited"]
pub struct Idle<'a>(Wait<'a>);

/// What a [`Wait`] waits for.
#[derive(Clone, Copy, Debug)]
pub(in crate::drain) enum Until {
    /// Nothing is in flight.
    Idle,
    /// The door is closed, and nothing is in flight.
    ClosedAndIdle,
}

/// Waits on a tracker. The order of its steps is the waiter's half of [`TrackerState`]'s invariant 1.
#[derive(Debug)]
pub(in crate::drain) struct Wait<'a> {
    tracker: MaybeOwned<'a, Tracker>,
    until: Until,
    key: Option<usize>,
}

impl<'a> Idle<'a> {
    pub(super) fn new(tracker: MaybeOwned<'a, Tracker>) -> Self {
        Self(Wait::new(tracker, Until::Idle))
    }
}

impl Future for Idle<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll(cx)
    }
}

impl<'a> Wait<'a> {
    pub(in crate::drain) fn new(tracker: MaybeOwned<'a, Tracker>, until: Until) -> Self {
        Self { tracker, until, key: None }
    }

    pub(in crate::drain) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let state = self.tracker.state();
        if !self.until.holds(state) {
            state.park(&mut self.key, cx.waker());
            if !self.until.holds(state) {
                return Poll::Pending;
            }
        }
        state.leave(&mut self.key);
        Poll::Ready(())
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        self.tracker.state().leave(&mut self.key);
    }
}

impl Until {
    fn holds(self, state: &TrackerState) -> bool {
        match self {
            Self::Idle => state.is_idle(),
            // In this order: what is found idle after the door was found closed stays so.
            Self::ClosedAndIdle => state.is_closed() && state.is_idle(),
        }
    }
}
