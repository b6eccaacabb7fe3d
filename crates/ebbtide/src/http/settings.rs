use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::model::{Plan, part};

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
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) first_byte_grace: Duration,
    pub(super) idle_quiet: Duration,
    pub(super) header_timeout: Duration,
    pub(super) handshake_timeout: Duration,
    pub(super) request_timeout: Option<Duration>,
    pub(super) linger: Duration,
    pub(super) announce_close: bool,
    /// `None` until the user or the lifecycle's plan says.
    pub(super) announce_over: Option<Duration>,
    pub(super) sse_retry: Option<RangeInclusive<Duration>>,
    pub(super) stall_timeout: Duration,
    pub(super) refusal_time: Duration,
    pub(super) max_connections: Option<NonZeroUsize>,
    pub(super) peer_info: bool,
    pub(super) half_close: bool,
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
            announce_over: None,
            sse_retry: None,
            stall_timeout: Duration::from_secs(5),
            refusal_time: Duration::from_millis(200),
            max_connections: None,
            peer_info: false,
            half_close: false,
            close_mode: CloseMode::Lossless,
        }
    }
}

impl Settings {
    /// Tells whether the close is announced and policies are heeded.
    pub(super) fn is_orderly(&self) -> bool {
        self.close_mode != CloseMode::Abrupt
    }

    /// Takes over what a lifecycle plans, where the user has not said otherwise.
    pub(super) fn follow(&mut self, plan: &Plan) {
        self.announce_over.get_or_insert(part(plan.lame_duck.min, 1, 2));
        // Half an allowance after the cut the component is aborted: be done before that.
        self.refusal_time = self.refusal_time.min(part(plan.cut_allowance, 2, 5));
    }
}
