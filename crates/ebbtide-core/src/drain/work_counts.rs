/// Counts the work of a component at one instant: what it has accepted, and what became of that.
///
/// # Invariant
///
/// Each piece of work that was accepted is in flight or has exactly one fate, so that
/// `begun = in_flight + finished + ended_early + cut + failed + abandoned + requeued + redelivered`
/// (`docs/spec.md`, W1). [`unaccounted`](Self::unaccounted) checks it.
///
/// # Examples
///
/// ```
/// # use ebbtide_core as ebbtide;
/// use ebbtide::drain::WorkCounts;
///
/// let mut counts = WorkCounts::default();
/// (counts.begun, counts.in_flight, counts.finished, counts.failed) = (7, 1, 5, 1);
/// assert_eq!(counts.unaccounted(), 0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkCounts {
    /// Accepted since the component began.
    pub begun: u64,
    /// In flight now.
    pub in_flight: u64,
    /// Finished whole.
    pub finished: u64,
    /// Ended by this process before its source had ended, because its policy says so: an event stream at the end of the lame
    /// duck.
    pub ended_early: u64,
    /// Cancelled by this process at a deadline, before it had finished.
    pub cut: u64,
    /// Ended with an error, a panic or a timeout of its own.
    pub failed: u64,
    /// Given up because the client had disconnected or stalled.
    pub abandoned: u64,
    /// Returned to its queue before it had begun to run.
    pub requeued: u64,
    /// Finished, and delivered to another consumer all the same.
    pub redelivered: u64,
}

impl WorkCounts {
    /// Returns by how many pieces of work the counts miss their sum; zero where they add up.
    pub fn unaccounted(&self) -> u64 {
        self.begun.abs_diff(self.in_flight.saturating_add(self.ended()))
    }

    /// Returns how many pieces of work have a fate.
    pub fn ended(&self) -> u64 {
        let fates = [
            self.finished,
            self.ended_early,
            self.cut,
            self.failed,
            self.abandoned,
            self.requeued,
            self.redelivered,
        ];
        fates.into_iter().fold(0, u64::saturating_add)
    }

    /// Adds the counts of another component, or of another part of the same.
    pub fn add(&mut self, other: &Self) {
        for (sum, more) in self.each_mut().into_iter().zip(other.each()) {
            *sum = sum.saturating_add(more);
        }
    }

    /// Returns what has happened since an earlier instant; what is in flight is that of now.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut since = *self;
        for (now, before) in since.each_mut().into_iter().zip(earlier.each()) {
            *now = now.saturating_sub(before);
        }
        since.in_flight = self.in_flight;
        since
    }

    fn each(&self) -> [u64; 9] {
        let mut copy = *self;
        copy.each_mut().map(|count| *count)
    }

    fn each_mut(&mut self) -> [&mut u64; 9] {
        [
            &mut self.begun,
            &mut self.in_flight,
            &mut self.finished,
            &mut self.ended_early,
            &mut self.cut,
            &mut self.failed,
            &mut self.abandoned,
            &mut self.requeued,
            &mut self.redelivered,
        ]
    }
}
