use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::future::{Cancelled, Stopping, Unless};
use super::state::{Level, StopState};
use crate::drain::sync::MaybeOwned;
use crate::model::Cause;

/// A token that asks a component or a job to stop.
///
/// It has two levels. *Stopping*: finish what is in flight, take nothing new. *Cancelled*: the deadline is exceeded, drop it now.
/// Each level can be polled (one atomic load) and awaited. Clones are the same token.
///
/// # Examples
///
/// ```
/// # use ebbtide_core as ebbtide;
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use ebbtide::drain::StopSource;
/// use ebbtide::model::Cause;
///
/// let source = StopSource::new();
/// let stop = source.token();
/// let (jobs, mut queue) = tokio::sync::mpsc::channel(8);
/// jobs.send("a").await?;
/// jobs.send("b").await?;
///
/// let mut done = Vec::new();
/// while let Some(Some(job)) = stop.unless_stopping(queue.recv()).await {
///     done.push(job);
///     if done.len() == 2 {
///         source.stop(Cause::Signal { number: 15 }, None);
///     }
/// }
/// assert_eq!(done, ["a", "b"]);
/// # Ok::<(), tokio::sync::mpsc::error::SendError<&str>>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct Stop {
    state: Arc<StopState>,
}

impl Stop {
    pub(super) fn new(state: Arc<StopState>) -> Self {
        Self { state }
    }

    /// Returns a token that is never raised, for code that is used without a lifecycle.
    ///
    /// # Examples
    ///
    /// ```
    /// # use ebbtide_core as ebbtide;
    /// let stop = ebbtide::drain::Stop::never();
    /// assert!(!stop.is_stopping());
    /// assert_eq!(stop.time_left(), None);
    /// ```
    pub fn never() -> Self {
        Self::new(Arc::new(StopState::new(None)))
    }

    /// Returns whether the token is stopping: finish what is in flight and take nothing new. One atomic load.
    ///
    /// # Examples
    ///
    /// ```
    /// # use ebbtide_core as ebbtide;
    /// let source = ebbtide::drain::StopSource::new();
    /// let stop = source.token();
    /// let mut batches = 0;
    /// while !stop.is_stopping() {
    ///     batches += 1;
    ///     if batches == 3 {
    ///         source.cancel();
    ///     }
    /// }
    /// assert_eq!(batches, 3);
    /// ```
    #[inline]
    pub fn is_stopping(&self) -> bool {
        self.has_reached(Level::Stopping)
    }

    /// Returns whether the token is cancelled: the deadline is exceeded. One atomic load.
    ///
    /// # Examples
    ///
    /// ```
    /// # use ebbtide_core as ebbtide;
    /// use ebbtide::model::Cause;
    ///
    /// let source = ebbtide::drain::StopSource::new();
    /// source.stop(Cause::Signal { number: 15 }, None);
    /// assert!(!source.token().is_cancelled());
    /// ```
    #[inline]
    pub fn is_cancelled(&self) -> bool {
        self.has_reached(Level::Cancelled)
    }

    /// Waits until the token is stopping.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future removes its waker from the list and loses nothing; a new one waits for the same level.
    ///
    /// # Examples
    ///
    /// ```
    /// # use ebbtide_core as ebbtide;
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let source = ebbtide::drain::StopSource::new();
    /// let stop = source.token();
    /// source.cancel();
    /// stop.stopping().await;
    /// # });
    /// ```
    pub fn stopping(&self) -> Stopping<'_> {
        Stopping::new(MaybeOwned::Borrowed(self))
    }

    /// Waits like [`stopping`](Self::stopping), in a future that owns the token.
    ///
    /// # Cancel safety
    ///
    /// As for [`stopping`](Self::stopping).
    ///
    /// # Examples
    ///
    /// ```
    /// # use ebbtide_core as ebbtide;
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let source = ebbtide::drain::StopSource::new();
    /// let waiting = tokio::task::spawn(source.token().stopping_owned());
    /// source.cancel();
    /// waiting.await?;
    /// # Ok::<(), tokio::task::JoinError>(())
    /// # }).unwrap();
    /// ```
    pub fn stopping_owned(self) -> Stopping<'static> {
        Stopping::new(MaybeOwned::Owned(self))
    }

    /// Waits until the token is cancelled.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future removes its waker from the list and loses nothing; a new one waits for the same level.
    ///
    /// # Examples
    ///
    /// ```
    /// # use ebbtide_core as ebbtide;
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let source = ebbtide::drain::StopSource::new();
    /// let stop = source.token();
    /// source.cancel();
    /// stop.cancelled().await;
    /// # });
    /// ```
    pub fn cancelled(&self) -> Cancelled<'_> {
        Cancelled::new(MaybeOwned::Borrowed(self))
    }

    /// Waits like [`cancelled`](Self::cancelled), in a future that owns the token.
    ///
    /// # Cancel safety
    ///
    /// As for [`cancelled`](Self::cancelled).
    ///
    /// # Examples
    ///
    /// ```
    /// # use ebbtide_core as ebbtide;
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let source = ebbtide::drain::StopSource::new();
    /// let waiting = tokio::task::spawn(source.token().cancelled_owned());
    /// source.cancel();
    /// waiting.await?;
    /// # Ok::<(), tokio::task::JoinError>(())
    /// # }).unwrap();
    /// ```
    pub fn cancelled_owned(self) -> Cancelled<'static> {
        Cancelled::new(MaybeOwned::Owned(self))
    }

    /// Runs a future until the token is stopping. Returns `None` if the token was stopping before the future was ready.
    ///
    /// On a token that is already stopping, the future is never polled, so a loop over a source that always has an item ends.
    /// After the first poll, a result that is ready takes precedence over the token: an item that was received is never dropped.
    ///
    /// # Cancel safety
    ///
    /// The given future is dropped before its completion when the token is raised, and when the returned future is dropped.
    /// Pass a future that loses nothing when it is dropped, such as receiving from a channel.
    ///
    /// # Examples
    ///
    /// ```
    /// # use ebbtide_core as ebbtide;
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let source = ebbtide::drain::StopSource::new();
    /// let stop = source.token();
    /// assert_eq!(stop.unless_stopping(async { 7 }).await, Some(7));
    /// source.cancel();
    /// assert_eq!(stop.unless_stopping(async { 7 }).await, None);
    /// # });
    /// ```
    pub fn unless_stopping<F: Future>(&self, future: F) -> Unless<'_, F> {
        Unless::new(self, Level::Stopping, future)
    }

    /// Runs a future until the token is cancelled. Returns `None` if the token was cancelled before the future was ready.
    ///
    /// See [`unless_stopping`](Self::unless_stopping) for what happens when both are ready.
    ///
    /// # Cancel safety
    ///
    /// The given future is dropped before its completion when the token is cancelled, and when the returned future is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// # use ebbtide_core as ebbtide;
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// use ebbtide::model::Cause;
    ///
    /// let source = ebbtide::drain::StopSource::new();
    /// let stop = source.token();
    /// source.stop(Cause::Signal { number: 15 }, None);
    /// assert_eq!(stop.unless_cancelled(async { "finished" }).await, Some("finished"));
    /// source.cancel();
    /// assert_eq!(stop.unless_cancelled(std::future::pending::<()>()).await, None);
    /// # });
    /// ```
    pub fn unless_cancelled<F: Future>(&self, future: F) -> Unless<'_, F> {
        Unless::new(self, Level::Cancelled, future)
    }

    /// Returns why the shutdown began; `None` before it begins. The first cause is kept.
    ///
    /// # Examples
    ///
    /// ```
    /// # use ebbtide_core as ebbtide;
    /// assert_eq!(ebbtide::drain::Stop::never().cause(), None);
    /// ```
    pub fn cause(&self) -> Option<&Cause> {
        self.state.cause()
    }

    /// Returns the instant at which the token will be cancelled; `None` before the shutdown begins, and if it has no deadline.
    ///
    /// It may move earlier during the shutdown, never later.
    ///
    /// # Examples
    ///
    /// ```
    /// # use ebbtide_core as ebbtide;
    /// use std::time::{Duration, Instant};
    ///
    /// use ebbtide::model::Cause;
    ///
    /// let source = ebbtide::drain::StopSource::new();
    /// let deadline = Instant::now() + Duration::from_secs(25);
    /// source.stop(Cause::Signal { number: 15 }, Some(deadline));
    /// assert_eq!(source.token().deadline(), Some(deadline));
    /// ```
    pub fn deadline(&self) -> Option<Instant> {
        self.state.deadline()
    }

    /// Returns the time until the deadline, zero after it has passed; `None` if there is no [`deadline`](Self::deadline).
    ///
    /// # Examples
    ///
    /// ```
    /// # use ebbtide_core as ebbtide;
    /// use std::time::{Duration, Instant};
    ///
    /// use ebbtide::model::Cause;
    ///
    /// let source = ebbtide::drain::StopSource::new();
    /// source.stop(Cause::Signal { number: 15 }, Some(Instant::now()));
    /// assert_eq!(source.token().time_left(), Some(Duration::ZERO));
    /// ```
    pub fn time_left(&self) -> Option<Duration> {
        let now = self.state.now?;
        self.deadline().map(|deadline| deadline.saturating_duration_since(now()))
    }

    #[inline]
    pub(super) fn has_reached(&self, level: Level) -> bool {
        self.state.has_reached(level)
    }

    pub(super) fn state(&self) -> &StopState {
        &self.state
    }
}
