use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::level::Level;
use super::token::Stop;
use super::waitlist::Key;
use crate::drain::held::Held;

/// Waits until a [`Stop`] is stopping. Made by [`Stop::stopping`] and [`Stop::stopping_owned`].
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
/// let source = ebbtide::drain::StopSource::new();
/// let stop = source.token();
/// let mut stopping = stop.stopping(); // No pinning: it is `Unpin`.
/// tokio::select! {
///     biased;
///     () = &mut stopping => unreachable!(),
///     () = async {} => source.cancel(),
/// }
/// stopping.await;
/// # });
/// ```
#[derive(Debug)]
#[must_use = "a future does nothing until it is awaited"]
pub struct Stopping<'a>(Reached<'a>);

/// Waits until a [`Stop`] is cancelled. Made by [`Stop::cancelled`] and [`Stop::cancelled_owned`].
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
/// let source = ebbtide::drain::StopSource::new();
/// let stop = source.token();
/// let cancelled = stop.cancelled();
/// source.cancel();
/// cancelled.await;
/// # });
/// ```
#[derive(Debug)]
#[must_use = "a future does nothing until it is awaited"]
pub struct Cancelled<'a>(Reached<'a>);

/// Waits until a level is reached.
///
/// # Invariants
///
/// 1. `key` is `Some` exactly while the waker may be on the list.
/// 2. A future that was told of the level leaves its key behind: the list is being taken as a whole, and its waker with
///    it. One that is dropped before takes its waker off.
#[derive(Debug)]
pub(super) struct Reached<'a> {
    stop: Held<'a, Stop>,
    level: Level,
    key: Option<Key>,
}

impl<'a> Stopping<'a> {
    pub(super) fn new(stop: Held<'a, Stop>) -> Self {
        Self(Reached::new(stop, Level::Stopping))
    }
}

impl<'a> Cancelled<'a> {
    pub(super) fn new(stop: Held<'a, Stop>) -> Self {
        Self(Reached::new(stop, Level::Cancelled))
    }
}

impl Future for Stopping<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll(cx)
    }
}

impl Future for Cancelled<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll(cx)
    }
}

impl<'a> Reached<'a> {
    pub(super) fn new(stop: Held<'a, Stop>, level: Level) -> Self {
        Self { stop, level, key: None }
    }

    /// Tells whether the level is reached, without waiting for it.
    #[inline]
    pub(super) fn is_reached(&self) -> bool {
        self.stop.has_reached(self.level)
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.is_reached() && self.park(cx.waker()) {
            return Poll::Pending;
        }
        self.key = None;
        Poll::Ready(())
    }

    /// Returns whether there is still something to wait for.
    fn park(&mut self, waker: &Waker) -> bool {
        let waiting = &self.stop.shared().waiting;
        match self.key {
            Some(key) => waiting.refresh(self.level, key, waker),
            None => {
                self.key = waiting.park(self.level, waker.clone(), || self.is_reached());
                self.key.is_some()
            }
        }
    }
}

impl Drop for Reached<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key
            && !self.is_reached()
        {
            self.stop.shared().waiting.leave(self.level, key);
        }
    }
}
