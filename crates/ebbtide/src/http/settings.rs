use std::time::Duration;

use super::ledger::Order;

/// Chooses how the listener and the connections are closed. Everything but [`Lossless`](Self::Lossless) is there for
/// tests and demonstrations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseMode {
    /// Lose nothing, by the best means that the system allows: the first of the three below that works.
    #[default]
    Lossless,
    /// Hold new handshakes back with a socket filter (`SO_ATTACH_FILTER`), then empty the accept queue.
    SynFilter,
    /// Hold them back with `IP_MINTTL` and `IPV6_MINHOPCOUNT`, then empty the accept queue.
    HopLimit,
    /// Shrink the backlog, which holds most of them back, then empty the accept queue for a bounded time.
    Backlog,
    /// Close the listener and ask every connection to end at once, announcing nothing, as other servers do.
    ///
    /// Loses requests. It exists to show that the other modes are what prevents it.
    Abrupt,
}

/// What [`Server`](super::Server)'s builder sets; the reasons are documented there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    pub(super) first_byte_grace: Duration,
    pub(super) idle_quiet: Duration,
    pub(super) header_timeout: Duration,
    pub(super) handshake_timeout: Duration,
    pub(super) request_timeout: Option<Duration>,
    pub(super) linger: Duration,
    pub(super) announce_close: bool,
    pub(super) peer_info: bool,
    pub(super) close_mode: CloseMode,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            first_byte_grace: Duration::from_secs(1),
            idle_quiet: Duration::from_secs(1),
            header_timeout: Duration::from_secs(10),
            handshake_timeout: Duration::from_secs(10),
            request_timeout: None,
            linger: Duration::from_secs(1),
            announce_close: true,
            peer_info: false,
            close_mode: CloseMode::Lossless,
        }
    }
}

impl Settings {
    /// Tells whether a response announces the close once the stop signal has come.
    pub(super) fn announces(&self, order: Order) -> bool {
        self.close_mode != CloseMode::Abrupt && (self.announce_close || order >= Order::Drain)
    }
}
