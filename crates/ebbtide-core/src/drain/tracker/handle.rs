use std::fmt;
use std::sync::Arc;

use super::idle::Idle;
use super::lease::{Lease, Tenancy};
use super::state::TrackerState;
use crate::drain::sync::MaybeOwned;

/// A counter of work in flight. Cheap to clone; clones share the counter.
///
/// Taking a guard and dropping it are two increments on a cache line that no other thread writes. The cost is the same on one
/// thread and on many.
///
/// A tracker takes 256 bytes, and 128 bytes for each shard. The number of shards is twice the number of cores, rounded up to a
/// power of two, at least 4 and at most 128: 768 bytes on two cores, 16 KB on 64. The memory of a dropped tracker is kept
/// for the next one.
///
/// # Examples
///
/// ```
/// # use ebbtide_core as ebbtide;
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let tracker = ebbtide::drain::Tracker::new();
/// let guard = tracker.guard();
/// let work = tokio::task::spawn(async move {
///     let _in_flight = guard;
/// });
/// tracker.idle().await;
/// assert_eq!(tracker.finished(), 1);
/// # work.await.unwrap();
/// # });
/// ```
#[derive(Clone)]
pub struct Tracker {
    state: Lease,
    tenancy: Arc<Tenancy>,
}

impl Tracker {
    /// Creates a tracker with nothing in flight.
    ///
    /// # Examples
    ///
    /// ```
    /// # use ebbtide_core as ebbtide;
    /// let tracker = ebbtide::drain::Tracker::new();
    /// assert_eq!(tracker.in_flight(), 0);
    /// ```
    pub fn new() -> Self {
        let tenancy = Tenancy::begin();
        Self { state: tenancy.lease(), tenancy: Arc::new(tenancy) }
    }

    /// Begins one piece of work. It ends when the guard is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// # use ebbtide_core as ebbtide;
    /// let tracker = ebbtide::drain::Tracker::new();
    /// let guard = tracker.guard();
    /// assert_eq!(tracker.in_flight(), 1);
    /// drop(guard);
    /// assert_eq!(tracker.in_flight(), 0);
    /// ```
    #[inline]
    pub fn guard(&self) -> Guard {
        self.state.begin();
        Guard { state: self.state.clone() }
    }

    /// Returns how many pieces of work are in flight.
    ///
    /// Zero means that there was an instant during the call with nothing in flight. Another number may be too high by the work
    /// that began during the call, never too low.
    ///
    /// # Examples
    ///
    /// ```
    /// # use ebbtide_core as ebbtide;
    /// let tracker = ebbtide::drain::Tracker::new();
    /// let guards = [tracker.guard(), tracker.guard()];
    /// assert_eq!(tracker.in_flight(), 2);
    /// # drop(guards);
    /// ```
    pub fn in_flight(&self) -> u64 {
        self.state.in_flight()
    }

    /// Returns how many pieces of work have begun since the tracker was created.
    ///
    /// # Examples
    ///
    /// ```
    /// # use ebbtide_core as ebbtide;
    /// let tracker = ebbtide::drain::Tracker::new();
    /// drop(tracker.guard());
    /// assert_eq!(tracker.begun(), 1);
    /// ```
    pub fn begun(&self) -> u64 {
        self.tenancy.begun()
    }

    /// Returns how many pieces of work have ended since the tracker was created.
    ///
    /// # Examples
    ///
    /// ```
    /// # use ebbtide_core as ebbtide;
    /// let tracker = ebbtide::drain::Tracker::new();
    /// let guard = tracker.guard();
    /// assert_eq!(tracker.finished(), 0);
    /// drop(guard);
    /// assert_eq!(tracker.finished(), 1);
    /// ```
    pub fn finished(&self) -> u64 {
        self.tenancy.ended()
    }

    /// Waits for an instant at which nothing is in flight.
    ///
    /// It may miss an idle instant after which new work has begun: begin no new work while you wait.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future removes its waker from the list and loses nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// # use ebbtide_core as ebbtide;
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let tracker = ebbtide::drain::Tracker::new();
    /// let guard = tracker.guard();
    /// let (_, ()) = tokio::join!(async { drop(guard) }, tracker.idle());
    /// # });
    /// ```
    pub fn idle(&self) -> Idle<'_> {
        Idle::new(MaybeOwned::Borrowed(self))
    }

    /// Waits like [`idle`](Self::idle), in a future that owns the handle.
    ///
    /// # Cancel safety
    ///
    /// As for [`idle`](Self::idle).
    ///
    /// # Examples
    ///
    /// ```
    /// # use ebbtide_core as ebbtide;
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let tracker = ebbtide::drain::Tracker::new();
    /// let guard = tracker.guard();
    /// let waiting = tokio::task::spawn(tracker.idle_owned());
    /// drop(guard);
    /// waiting.await?;
    /// # Ok::<(), tokio::task::JoinError>(())
    /// # }).unwrap();
    /// ```
    pub fn idle_owned(self) -> Idle<'static> {
        Idle::new(MaybeOwned::Owned(self))
    }

    pub(in crate::drain) fn state(&self) -> &TrackerState {
        &self.state
    }
}

impl Default for Tracker {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Tracker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracker")
            .field("in_flight", &self.in_flight())
            .field("finished", &self.finished())
            .finish_non_exhaustive()
    }
}

/// A guard for one piece of work in flight: dropping it ends the work. Created by [`Tracker::guard`].
///
/// Deliberately not `Clone`: one guard is one piece of work. It may be dropped on any thread, and it may outlive its
/// tracker.
///
/// # Examples
///
/// ```
/// # use ebbtide_core as ebbtide;
/// let tracker = ebbtide::drain::Tracker::new();
/// let guard = tracker.guard();
/// let elsewhere = std::thread::Builder::new().spawn(move || drop(guard))?;
/// elsewhere.join().unwrap();
/// assert_eq!(tracker.finished(), 1);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "the work counts as finished when this is dropped"]
pub struct Guard {
    state: Lease,
}

impl Drop for Guard {
    #[inline]
    fn drop(&mut self) {
        self.state.end();
    }
}
