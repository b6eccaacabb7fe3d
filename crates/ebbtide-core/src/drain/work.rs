use crate::model::Straggler;

/// Reports what a component has in flight, for the progress line and the report.
///
/// The methods are called from any thread, including the watchdog's. They must not block for longer than a short lock. If a
/// method panics, the component counts as having no work, and the panic is logged.
///
/// # Examples
///
/// ```
/// # use ebbtide_core as ebbtide;
/// use ebbtide::drain::{Registry, Tracker, Work};
/// use ebbtide::model::Straggler;
///
/// struct Calls {
///     tracker: Tracker,
///     names: Registry,
/// }
///
/// impl Work for Calls {
///     fn in_flight(&self) -> u64 {
///         self.tracker.in_flight()
///     }
///
///     fn finished(&self) -> u64 {
///         self.tracker.finished()
///     }
///
///     fn cancelled(&self) -> u64 {
///         0
///     }
///
///     fn stragglers(&self) -> Vec<Straggler> {
///         self.names.stragglers()
///     }
/// }
///
/// let calls = Calls { tracker: Tracker::new(), names: Registry::new() };
/// let call = (calls.tracker.guard(), calls.names.register("call 7"));
/// assert_eq!((calls.in_flight(), calls.stragglers().len()), (1, 1));
/// # drop(call);
/// ```
pub trait Work: Send + Sync + 'static {
    /// Returns how many pieces of work are in flight now.
    fn in_flight(&self) -> u64;

    /// Returns how many pieces of work have finished since the component began.
    fn finished(&self) -> u64;

    /// Returns how many pieces of work this process cancelled before they finished.
    fn cancelled(&self) -> u64;

    /// Returns what is in flight now, oldest first.
    fn stragglers(&self) -> Vec<Straggler>;

    /// Returns all counts at one instant.
    ///
    /// The default reads the methods of this trait one after the other, and has no work that failed or was abandoned. An
    /// implementation that counts such work must return counts that add up (see [`WorkCounts`]).
    fn counts(&self) -> WorkCounts {
        let mut counts = WorkCounts::default();
        (counts.in_flight, counts.finished, counts.cancelled) =
            (self.in_flight(), self.finished(), self.cancelled());
        counts.redelivered = self.redelivered();
        counts.begun = counts.in_flight.saturating_add(counts.ended());
        counts
    }

    /// Returns the ids of the jobs that were requeued for another consumer. None by default.
    fn requeued_ids(&self) -> Vec<String> {
        Vec::new()
    }

    /// Returns how many pieces of work finished after this process had lost them: another consumer runs them again. Zero by
    /// default.
    fn redelivered(&self) -> u64 {
        0
    }

    /// Returns the ids of the jobs neither finished nor requeued, because their queue did not respond. None by default.
    fn unsettled(&self) -> Vec<String> {
        Vec::new()
    }

    /// Prepares for the end of the process: work in flight must not appear finished to its peers.
    ///
    /// It is called on a separate thread when the watchdog ends the process. The runtime may be blocked, and the watchdog waits
    /// for nothing after this call. Does nothing by default.
    fn prepare_for_exit(&self) {}
}

/// The work of a component at one instant: what it has accepted, and the outcomes.
///
/// # Invariant
///
/// Each piece of work that was accepted is in flight or has exactly one outcome, so that
/// `begun = in_flight + finished + ended_early + cancelled + failed + abandoned + requeued + redelivered`
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
    /// Finished completely.
    pub finished: u64,
    /// Ended by this process before its source had ended, by policy: an event stream at the end of the lame duck.
    pub ended_early: u64,
    /// Cancelled by this process at a deadline, before it had finished.
    pub cancelled: u64,
    /// Ended with an error, a panic or a separate timeout.
    pub failed: u64,
    /// Given up because the client had disconnected or stalled.
    pub abandoned: u64,
    /// Returned to its queue before it had begun to run.
    pub requeued: u64,
    /// Finished, but delivered to another consumer as well.
    pub redelivered: u64,
}

impl WorkCounts {
    /// Returns the difference between the work accepted and the sum of the other counts; zero if they add up.
    pub fn unaccounted(&self) -> u64 {
        self.begun.abs_diff(self.in_flight.saturating_add(self.ended()))
    }

    /// Returns how many pieces of work have ended, with any outcome.
    pub fn ended(&self) -> u64 {
        let fates = [
            self.finished,
            self.ended_early,
            self.cancelled,
            self.failed,
            self.abandoned,
            self.requeued,
            self.redelivered,
        ];
        fates.into_iter().fold(0, u64::saturating_add)
    }

    /// Adds the counts of another component, or of another part of the same component.
    pub fn add(&mut self, other: &Self) {
        for (sum, more) in self.counts_mut().into_iter().zip(other.each()) {
            *sum = sum.saturating_add(more);
        }
    }

    /// Returns the difference to the counts of an earlier instant. `in_flight` keeps its present value.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut since = *self;
        for (now, before) in since.counts_mut().into_iter().zip(earlier.each()) {
            *now = now.saturating_sub(before);
        }
        since.in_flight = self.in_flight;
        since
    }

    fn each(&self) -> [u64; 9] {
        let mut copy = *self;
        copy.counts_mut().map(|count| *count)
    }

    fn counts_mut(&mut self) -> [&mut u64; 9] {
        [
            &mut self.begun,
            &mut self.in_flight,
            &mut self.finished,
            &mut self.ended_early,
            &mut self.cancelled,
            &mut self.failed,
            &mut self.abandoned,
            &mut self.requeued,
            &mut self.redelivered,
        ]
    }
}
