//! The admission gate: work is let in and counted until it is closed.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::sync::MaybeOwned;
use super::tracker::{Guard, Tracker, Until, Wait};

/// Admits work until it is closed, and counts what it admitted. Clones are the same gate.
///
/// Whatever [`enter`](Self::enter) admits is counted by every look at the gate that comes after
/// [`close`](Self::close) returned: once closed and drained, it stays drained.
///
/// # Examples
///
/// ```
/// # use ebbtide_core as ebbtide;
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use ebbtide::drain::{Closed, Gate};
///
/// let gate = Gate::new();
/// let job = gate.enter()?;
/// gate.close();
/// assert!(gate.enter().is_err());
///
/// tokio::task::spawn(async move { drop(job) });
/// gate.drained().await;
/// # Ok::<(), Closed>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug, Default)]
pub struct Gate {
    tracker: Tracker,
}

impl Gate {
    /// Makes an open gate.
    ///
    /// # Examples
    ///
    /// ```
    /// # use ebbtide_core as ebbtide;
    /// assert!(!ebbtide::drain::Gate::new().is_closed());
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// Admits one piece of work.
    ///
    /// # Errors
    ///
    /// [`Closed`] after the gate was closed. What was refused is not counted as begun or finished.
    ///
    /// # Examples
    ///
    /// ```
    /// # use ebbtide_core as ebbtide;
    /// let gate = ebbtide::drain::Gate::new();
    /// let guard = gate.enter()?;
    /// assert_eq!(gate.tracker().in_flight(), 1);
    /// # drop(guard);
    /// # Ok::<(), ebbtide::drain::Closed>(())
    /// ```
    #[inline]
    pub fn enter(&self) -> Result<Guard, Closed> {
        self.tracker.enter().ok_or(Closed)
    }

    /// Closes the gate for good: every [`enter`](Self::enter) after it fails.
    ///
    /// # Examples
    ///
    /// ```
    /// # use ebbtide_core as ebbtide;
    /// let gate = ebbtide::drain::Gate::new();
    /// gate.close();
    /// assert!(gate.is_closed());
    /// ```
    pub fn close(&self) {
        self.tracker.state().close();
    }

    /// Tells whether the gate was closed.
    ///
    /// # Examples
    ///
    /// ```
    /// # use ebbtide_core as ebbtide;
    /// assert!(!ebbtide::drain::Gate::new().is_closed());
    /// ```
    #[inline]
    pub fn is_closed(&self) -> bool {
        self.tracker.state().is_closed()
    }

    /// Waits until the gate is closed and all it admitted has ended. It doesn't close it.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future takes its waker off the list and loses nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// # use ebbtide_core as ebbtide;
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let gate = ebbtide::drain::Gate::new();
    /// let guard = gate.enter()?;
    /// gate.close();
    /// tokio::join!(gate.drained(), async { drop(guard) });
    /// assert_eq!(gate.tracker().in_flight(), 0);
    /// # Ok::<(), ebbtide::drain::Closed>(())
    /// # }).unwrap();
    /// ```
    pub fn drained(&self) -> Drained<'_> {
        Drained::new(MaybeOwned::Borrowed(&self.tracker))
    }

    /// Waits like [`drained`](Self::drained), in a future that owns the handle.
    ///
    /// # Cancel safety
    ///
    /// As for [`drained`](Self::drained).
    ///
    /// # Examples
    ///
    /// ```
    /// # use ebbtide_core as ebbtide;
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let gate = ebbtide::drain::Gate::new();
    /// let drained = tokio::task::spawn(gate.clone().drained_owned());
    /// gate.close();
    /// drained.await?;
    /// # Ok::<(), tokio::task::JoinError>(())
    /// # }).unwrap();
    /// ```
    pub fn drained_owned(self) -> Drained<'static> {
        Drained::new(MaybeOwned::Owned(self.tracker))
    }

    /// Returns the tracker of what was admitted.
    ///
    /// A guard taken from the tracker itself goes past the gate: it is counted, closed or not.
    ///
    /// # Examples
    ///
    /// ```
    /// # use ebbtide_core as ebbtide;
    /// let gate = ebbtide::drain::Gate::new();
    /// drop(gate.enter()?);
    /// assert_eq!(gate.tracker().finished(), 1);
    /// # Ok::<(), ebbtide::drain::Closed>(())
    /// ```
    pub fn tracker(&self) -> &Tracker {
        &self.tracker
    }
}

/// Waits until a [`Gate`] is closed and all it admitted has ended. Made by
/// [`Gate::drained`] and [`Gate::drained_owned`].
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
    fn new(tracker: MaybeOwned<'a, Tracker>) -> Self {
        Self(Wait::new(tracker, Until::ClosedAndIdle))
    }
}

impl Future for Drained<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll(cx)
    }
}

/// The gate was closed.
///
/// # Examples
///
/// ```
/// # use ebbtide_core as ebbtide;
/// assert_eq!(ebbtide::drain::Closed.to_string(), "nothing new is admitted: the gate is closed");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nothing new is admitted: the gate is closed")]
pub struct Closed;
