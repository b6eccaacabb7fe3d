use super::WorkCounts;
use crate::model::Straggler;

/// Tells what a component has in flight, for the progress line and the report.
///
/// Asked from any thread, the watchdog's among them: an implementation never blocks for longer than a short lock. One that
/// panics holds nothing, and that it panicked is logged.
///
/// # Examples
///
/// ```
/// # use ebbtide_core as ebbtide;
/// use ebbtide::drain::{Gate, Registry, Work};
/// use ebbtide::model::Straggler;
///
/// struct Calls {
///     gate: Gate,
///     names: Registry,
/// }
///
/// impl Work for Calls {
///     fn in_flight(&self) -> u64 {
///         self.gate.tracker().in_flight()
///     }
///
///     fn finished(&self) -> u64 {
///         self.gate.tracker().finished()
///     }
///
///     fn cut(&self) -> u64 {
///         0
///     }
///
///     fn stragglers(&self) -> Vec<Straggler> {
///         self.names.stragglers()
///     }
/// }
///
/// let calls = Calls { gate: Gate::new(), names: Registry::new() };
/// let call = (calls.gate.enter()?, calls.names.register("call 7"));
/// assert_eq!((calls.in_flight(), calls.stragglers().len()), (1, 1));
/// # drop(call);
/// # Ok::<(), ebbtide::drain::Closed>(())
/// ```
pub trait Work: Send + Sync + 'static {
    /// Returns how many pieces of work are in flight now.
    fn in_flight(&self) -> u64;

    /// Returns how many have finished whole since the component began.
    fn finished(&self) -> u64;

    /// Returns how many were ended by us before they finished.
    fn cut(&self) -> u64;

    /// Returns what is in flight now, oldest first.
    fn stragglers(&self) -> Vec<Straggler>;

    /// Returns all counts at one instant.
    ///
    /// By default they are made of the three above, one after the other: work that has failed or was abandoned is in none of
    /// them. An implementation that knows more returns what adds up (see [`WorkCounts`]).
    fn counts(&self) -> WorkCounts {
        let mut counts = WorkCounts::default();
        (counts.in_flight, counts.finished, counts.cut) = (self.in_flight(), self.finished(), self.cut());
        counts.redelivered = self.redelivered();
        counts.begun = counts.in_flight.saturating_add(counts.ended());
        counts
    }

    /// Returns the ids of what was handed back, for somebody else to do.
    fn handed_back(&self) -> Vec<String> {
        Vec::new()
    }

    /// Returns how many pieces of work were no longer ours when they had finished, and that somebody else does again.
    fn redelivered(&self) -> u64 {
        0
    }

    /// Returns the ids of what was neither finished nor handed back, because whoever is to be told did not answer.
    fn unsettled(&self) -> Vec<String> {
        Vec::new()
    }

    /// Prepares for the end of the process: what is in flight must not look finished to its peers.
    ///
    /// Called on a thread of its own when the watchdog ends the process. The runtime may be blocked, and nothing is waited for
    /// after this call. Does nothing by default.
    fn prepare_for_exit(&self) {}
}
