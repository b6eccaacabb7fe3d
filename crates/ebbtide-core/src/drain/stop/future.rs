use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use pin_project_lite::pin_project;

use super::state::Level;
use super::token::Stop;
use super::waitlist::Key;
use crate::drain::sync::MaybeOwned;

/// A future that waits until a [`Stop`] is stopping. Created by [`Stop::stopping`] and [`Stop::stopping_owned`].
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

/// A future that waits until a [`Stop`] is cancelled. Created by [`Stop::cancelled`] and [`Stop::cancelled_owned`].
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

impl<'a> Stopping<'a> {
    pub(super) fn new(stop: MaybeOwned<'a, Stop>) -> Self {
        Self(Reached::new(stop, Level::Stopping))
    }
}

impl<'a> Cancelled<'a> {
    pub(super) fn new(stop: MaybeOwned<'a, Stop>) -> Self {
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

pin_project! {
    /// A future that runs another one until a [`Stop`] is raised. Created by [`Stop::unless_stopping`] and
    /// [`Stop::unless_cancelled`].
    ///
    /// # Cancel safety
    ///
    /// Dropping it drops the inner future.
    ///
    /// # Examples
    ///
    /// ```
    /// # use ebbtide_core as ebbtide;
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let stop = ebbtide::drain::Stop::never();
    /// assert_eq!(stop.unless_cancelled(async { 7 }).await, Some(7));
    /// # });
    /// ```
    #[derive(Debug)]
    #[must_use = "a future does nothing until it is awaited"]
    pub struct Unless<'a, F> {
        reached: Reached<'a>,
        begun: bool,
        #[pin]
        future: F,
    }
}

impl<'a, F> Unless<'a, F> {
    pub(super) fn new(stop: &'a Stop, level: Level, future: F) -> Self {
        Self { reached: Reached::new(MaybeOwned::Borrowed(stop), level), begun: false, future }
    }
}

impl<F: Future> Future for Unless<'_, F> {
    type Output = Option<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if !*this.begun && this.reached.is_reached() {
            return Poll::Ready(None);
        }
        *this.begun = true;
        if let Poll::Ready(output) = this.future.poll(cx) {
            return Poll::Ready(Some(output));
        }
        this.reached.poll(cx).map(|()| None)
    }
}

/// Waits until a level is reached.
///
/// # Invariants
///
/// 1. `key` is `Some` exactly while the waker may be on the list.
/// 2. A future that has seen the level does not remove its waker: the whole list is taken, and the waker with it. A future that
///    is dropped before removes its waker.
#[derive(Debug)]
struct Reached<'a> {
    stop: MaybeOwned<'a, Stop>,
    level: Level,
    key: Option<Key>,
}

impl<'a> Reached<'a> {
    fn new(stop: MaybeOwned<'a, Stop>, level: Level) -> Self {
        Self { stop, level, key: None }
    }

    /// Returns whether the level is reached, without waiting for it.
    #[inline]
    fn is_reached(&self) -> bool {
        self.stop.has_reached(self.level)
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.is_reached() && self.park(cx.waker()) {
            return Poll::Pending;
        }
        self.key = None;
        Poll::Ready(())
    }

    /// Parks the waker. Returns `false` if the level has been reached instead.
    fn park(&mut self, waker: &Waker) -> bool {
        let waiting = &self.stop.state().waiting;
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
            self.stop.state().waiting.leave(self.level, key);
        }
    }
}
