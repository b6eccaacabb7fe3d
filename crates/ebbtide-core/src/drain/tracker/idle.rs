use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::handle::Tracker;
use crate::drain::sync::MaybeOwned;

/// A future that waits for an instant at which nothing is in flight. Created by [`Tracker::idle`] and [`Tracker::idle_owned`].
///
/// # Cancel safety
///
/// Dropping it removes its waker from the list; nothing is lost.
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
pub struct Idle<'a> {
    tracker: MaybeOwned<'a, Tracker>,
    key: Option<usize>,
}

impl<'a> Idle<'a> {
    pub(super) fn new(tracker: MaybeOwned<'a, Tracker>) -> Self {
        Self { tracker, key: None }
    }
}

/// `TrackerState`'s invariant 1 requires this order of the steps.
impl Future for Idle<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { tracker, key } = self.get_mut();
        let state = tracker.state();
        if !state.is_idle() {
            state.park(key, cx.waker());
            if !state.is_idle() {
                return Poll::Pending;
            }
        }
        state.leave(key);
        Poll::Ready(())
    }
}

impl Drop for Idle<'_> {
    fn drop(&mut self) {
        self.tracker.state().leave(&mut self.key);
    }
}
