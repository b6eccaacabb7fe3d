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
    pub(super) keep_alive_timeout: Option<Duration>,
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
            http1: our_http1(http1::Builder::new()),
            http2: our_http2(http2::Builder::new(StreamExecutor)),
            close_mode: CloseMode::Lossless,
        }
    }
}

/// Sets what the server decides itself, whatever was set before.
pub(super) fn our_http1(mut http1: http1::Builder) -> http1::Builder {
    // The end of the stream, and the time that a head may take, are watched by the connection.
    http1.half_close(true).header_read_timeout(None);
    http1
}

/// Sets what the server decides itself, whatever was set before.
pub(super) fn our_http2(mut http2: http2::Builder<StreamExecutor>) -> http2::Builder<StreamExecutor> {
    http2
        .timer(TokioTimer::new())
        // A peer's progress is judged by the window; it is hyper's own default.
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(STREAM_WINDOW)
        .enable_connect_protocol();
    http2
}

/// Panics for what h2 refuses by a panic when a connection is made, so that it is known where it is set.
pub(super) fn try_out(http2: &http2::Builder<StreamExecutor>) {
    let service = service_fn(async |_| Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())));
    drop(http2.serve_connection(TokioIo::new(tokio::io::empty()), service));
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
        self.refusal_time = self.refusal_time.min(part(plan.cancel_allowance, 2, 5));
    }
}

/// What the connections of one `serve` call share.
pub(crate) struct ServerContext {
    pub(crate) registry: Arc<ConnRegistry>,
    pub(crate) settings: Settings,
    pub(crate) arrivals: Arrivals,
    pub(crate) announced: Stop,
    pub(crate) stop: Stop,
}

impl ServerContext {
    /// Tells whether the stop signal has come.
    #[inline]
    pub(crate) fn is_announced(&self) -> bool {
        self.announced.is_stopping() || self.stop.is_stopping()
    }

    /// Tells whether the connection with this key tells its peer now that it will end. Asked only once the stop signal
    /// has come: it may look at the clock.
    pub(crate) fn announces(&self, key: u64) -> bool {
        match self.registry.order() {
            _ if !self.settings.is_orderly() => false,
            Order::Serve | Order::Announce => self.announces_at(key).is_some_and(|at| clock::now() >= at),
            _ => true,
        }
    }

    /// Returns when the signal came, and from when on the HTTP/1 connection with this key is closed in the lame duck if it is
    /// idle: after all clients that ask were told, spread over as much time again. `None` where they are not spread.
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

    /// Returns the instant during the lame duck from which on the connection with this key tells its peer; `None` if
    /// it waits for the end of it.
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

/// 2^64 divided by the golden ratio. Its multiples, modulo 2^64, lie evenly however many there are (Knuth, *The Art of
/// Computer Programming* 3, §6.4).
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// Returns the part of `whole` that falls to the one with this number, so that many numbers share it evenly.
pub(super) fn share(whole: Duration, number: u64) -> Duration {
    let fraction = number.wrapping_mul(GOLDEN) >> 32;
    let nanos = (whole.as_nanos() * u128::from(fraction)) >> 32;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_run_of_numbers_is_spread_evenly() {
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
    fn nothing_is_shared_as_nothing() {
        assert_eq!(share(Duration::ZERO, 17), Duration::ZERO);
        assert!(share(Duration::MAX, 17) < Duration::MAX);
    }
}
