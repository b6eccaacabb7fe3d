//! Where the run is, as the clients are told.

/// The stages of the load, in order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Stage {
    /// Before the signal.
    Running,
    /// The signal is about to come: bring connections into the phases they are held in.
    Bracing,
    /// The signal was sent; the load goes on.
    Signalled,
    /// Send nothing new; wait for what is under way.
    Stopping,
    /// Wait no longer.
    Abandoned,
}
