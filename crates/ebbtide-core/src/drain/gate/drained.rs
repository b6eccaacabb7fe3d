use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::drain::Tracker;
use crate::drain::held::Held;
use crate::drain::tracker::{Until, Wait};

/// Waits until a [`Gate`](super::Gate) is closed and all it admitted has ended. Made by
/// [`Gate::drained`](super::Gate::drained) and [`Gate::drained_owned`](super::Gate::drained_owned).
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
/// let gate = ebbtide::drain::Gate::new();
/// gate.close();
/// gate.drained().await;
/// # });
/// ```
#[derive(Debug)]
#[must_use = "a future does nothing until it is awaited"]
pub struct Drained<'a>(Wait<'a>);

impl<'a> Drained<'a> {
    pub(super) fn new(tracker: Held<'a, Tracker>) -> Self {
        Self(Wait::new(tracker, Until::ClosedAndIdle))
    }
}

impl Future for Drained<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll(cx)
    }
}
