use super::lease::Lease;

/// One piece of work in flight, until it is dropped. Made by [`Tracker::guard`](super::Tracker::guard) and
/// [`Gate::enter`](crate::drain::Gate::enter).
///
/// Purposefully not `Clone`: one guard is one piece of work. It may be dropped on any thread, and it may outlive its
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
    ledger: Lease,
}

impl Guard {
    /// Takes charge of a piece of work that was counted as begun.
    #[inline]
    pub(super) fn of_begun(ledger: Lease) -> Self {
        Self { ledger }
    }
}

impl Drop for Guard {
    #[inline]
    fn drop(&mut self) {
        self.ledger.end();
    }
}
