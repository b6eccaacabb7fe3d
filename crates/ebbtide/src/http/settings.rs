use std::convert::Infallible;
use std::fmt;
use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Response;
use http_body_util::Empty;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};

use super::conn::STREAM_WINDOW;
use super::registry::{ConnRegistry, Order};
use super::spawn::StreamExecutor;
use crate::drain::{Arrivals, Stop};
use crate::model::{Plan, part};
use crate::util::clock;

/// How the listener and the connections are closed. Everything except [`Lossless`](Self::Lossless) exists for tests and
/// demonstrations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseMode {
    /// Lose nothing, by the best means that the system allows: the first of the next three that works.
    #[default]
    Lossless,
    /// Block new handshakes with a socket filter (`SO_ATTACH_FILTER`), then drain the accept queue.
    SynFilter,
    /// Block new handshakes with `IP_MINTTL` and `IPV6_MINHOPCOUNT`, then drain the accept queue.
    HopLimit,
    /// Shrink the backlog, which blocks most new handshakes, then drain the accept queue for a limited time.
    Backlog,
    /// Close the listener and ask every connection to end immediately, without an announcement, as other servers do.
    ///
    /// Loses requests. It exists to show that the other modes are what prevents it.
    Abrupt,
}

/// The settings of [`Server`](super::Server)'s builder, which documents them.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) first_byte_grace: Duration,
    pub(super) idle_quiet: Duration,
    pub(super) header_timeout: Duration,
    pub(super) handshake_timeout: Duration,
    pub(super) request_timeout: Option<Duration>,
    pub(super) linger: Duration,
    pub(super) announce_close: bool,
    /// `None` until the user or the lifecycle's plan sets it.
    pub(super) announce_over: Option<Duration>,
    pub(super) sse_retry: Option<RangeInclusive<Duration>>,
    pub(super) stall_timeout: Duration,
    pub(super) refusal_time: Duration,
    pub(super) max_connections: Option<NonZeroUsize>,
    pub(super) peer_info: bool,
    pub(super) half_close: bool,
    pub(super) keep_alive_timeout: Option<Duration>,
    /// How long an HTTP/1 connection is idle, at least, before it is parked; twice as long at most.
    pub(super) park_after: Duration,
    pub(super) http1: http1::Builder,
    pub(super) http2: http2::Builder<StreamExecutor>,
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
            keep_alive_timeout: None,
            park_after: Duration::from_secs(10),
            http1: with_fixed_http1(http1::Builder::new()),
            http2: with_fixed_http2(http2::Builder::new(StreamExecutor)),
            close_mode: CloseMode::Lossless,
        }
    }
}

/// Applies the settings that the server controls, which override the user's.
pub(super) fn with_fixed_http1(mut http1: http1::Builder) -> http1::Builder {
    // The connection itself watches the end of the stream and the time that a head may take.
    http1.half_close(true).header_read_timeout(None);
    http1
}

/// Applies the settings that the server controls, which override the user's.
pub(super) fn with_fixed_http2(mut http2: http2::Builder<StreamExecutor>) -> http2::Builder<StreamExecutor> {
    http2
        .timer(TokioTimer::new())
        // The window shows whether a peer makes progress; the value is hyper's default.
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(STREAM_WINDOW)
        .enable_connect_protocol();
    http2
}

/// Panics for the settings that make h2 panic when a connection is made, so that the panic occurs where they are set.
pub(super) fn check_http2(http2: &http2::Builder<StreamExecutor>) {
    let service = service_fn(async |_| Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())));
    drop(http2.serve_connection(TokioIo::new(tokio::io::empty()), service));
}

impl Settings {
    /// Returns whether the close is announced and policies are applied.
    pub(super) fn is_orderly(&self) -> bool {
        self.close_mode != CloseMode::Abrupt
    }

    /// Takes the plan's values for what the user has not set.
    pub(super) fn follow(&mut self, plan: &Plan) {
        self.announce_over.get_or_insert(part(plan.lame_duck.min, 1, 2));
        // The component is aborted half an allowance after it is cancelled: the refusals must end before that.
        self.refusal_time = self.refusal_time.min(part(plan.cancel_allowance, 2, 5));
    }
}

/// State shared by the connections of one `serve` call.
pub(crate) struct ServerContext {
    pub(crate) registry: Arc<ConnRegistry>,
    pub(crate) settings: Settings,
    pub(crate) arrivals: Arrivals,
    pub(crate) announced: Stop,
    pub(crate) stop: Stop,
}

impl ServerContext {
    /// Returns whether the stop signal has arrived.
    #[inline]
    pub(crate) fn is_announced(&self) -> bool {
        self.announced.is_stopping() || self.stop.is_stopping()
    }

    /// Returns whether the connection with this key announces its close now. Call it only after the stop signal: it may
    /// read the clock.
    pub(crate) fn announces(&self, key: u64) -> bool {
        match self.registry.order() {
            _ if !self.settings.is_orderly() => false,
            Order::Serve | Order::Announce => self.announces_at(key).is_some_and(|at| clock::now() >= at),
            _ => true,
        }
    }

    /// Returns when the signal arrived, and from when on the HTTP/1 connection with this key is closed if it is idle in
    /// the lame duck: after the close has been announced to all active clients, spread over the same time again. `None`
    /// without a spread.
    pub(crate) fn leaves(&self, key: u64) -> Option<(Instant, Instant)> {
        let spread = self.settings.announce_over.filter(|spread| !spread.is_zero())?;
        let tells = self.settings.announce_close && self.settings.is_orderly();
        let signal = self.registry.announced_at();
        tells.then(|| (signal, clock::after(clock::after(signal, spread), share(spread, key))))
    }

    /// Returns how long a peer may make no progress while the server drains.
    pub(crate) fn stall(&self) -> Duration {
        let longest = self.registry.longest_stall();
        self.settings.stall_timeout.min(longest)
    }

    /// Returns the time in the lame duck from which on the connection with this key announces its close; `None` if it
    /// waits for the end of the lame duck.
    pub(crate) fn announces_at(&self, key: u64) -> Option<Instant> {
        let spread = self.settings.announce_over.unwrap_or(Duration::ZERO);
        let tells = self.settings.announce_close && self.settings.is_orderly();
        tells.then(|| clock::after(self.registry.announced_at(), share(spread, key)))
    }
}

impl fmt::Debug for ServerContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerContext").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// 2^64 divided by the golden ratio. Any number of its multiples, modulo 2^64, are spread evenly (Knuth, *The Art of
/// Computer Programming* 3, §6.4).
const GOLDEN_RATIO: u64 = 0x9E37_79B9_7F4A_7C15;

/// Returns this number's position within `whole`, such that many numbers are spread evenly over it.
pub(super) fn share(whole: Duration, number: u64) -> Duration {
    let fraction = number.wrapping_mul(GOLDEN_RATIO) >> 32;
    let nanos = (whole.as_nanos() * u128::from(fraction)) >> 32;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consecutive_connection_numbers_are_spread_evenly() {
        let whole = Duration::from_secs(10);
        for first in [0, 7, 1_000_000, u64::MAX - 50] {
            let mut tenths = [0; 10];
            for number in 0..1000_u64 {
                let share = share(whole, first.wrapping_add(number));
                assert!(share < whole);
                tenths[share.as_secs() as usize] += 1;
            }
            assert!(tenths.iter().all(|count| (95..=105).contains(count)), "{tenths:?}");
        }
    }

    #[test]
    fn a_share_is_zero_for_zero_and_does_not_overflow() {
        assert_eq!(share(Duration::ZERO, 17), Duration::ZERO);
        assert!(share(Duration::MAX, 17) < Duration::MAX);
    }
}
