use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::drain::{Stop, Stopping};
use crate::model::Cause;
use crate::util::clock;

/// Tells a handler whether the shutdown has begun, and how much time it has to respond. Cheap to clone.
///
/// It is a request extension that [`StopLayer`](super::StopLayer) adds. With the feature `axum` it is an extractor.
///
/// Two events matter to a handler:
///
/// - The shutdown *begins*: the service still accepts and serves requests, but the handler's time is limited from now on.
/// - The servers *drain*: they close, and work that does not end by itself (WebSockets, event streams) must end.
///
/// # Examples
///
/// A long handler that queues the rest of its work before it would be cancelled:
///
/// ```
/// # #[cfg(feature = "axum")]
/// # fn routes(app: &ebbtide::Handle) -> axum::Router {
/// use std::time::Duration;
///
/// use axum::http::StatusCode;
/// use axum::routing::post;
/// use ebbtide::layer::HandlerStop;
///
/// async fn import(stop: HandlerStop) -> (StatusCode, String) {
///     for page in 0..1000 {
///         if stop.time_left().is_some_and(|left| left < Duration::from_secs(5)) {
///             return (StatusCode::ACCEPTED, format!("imported {page} of 1000 pages; the rest is queued"));
///         }
///         import_page(page).await;
///     }
///     (StatusCode::OK, "imported 1000 pages".to_owned())
/// }
///
/// let router = axum::Router::new().route("/import", post(import)).layer(app.stop_layer());
/// # async fn import_page(_: u32) {}
/// # router }
/// ```
#[derive(Clone, Debug)]
pub struct HandlerStop {
    tokens: Arc<StopTokens>,
}

#[derive(Debug)]
struct StopTokens {
    begins: Stop,
    drain: Stop,
    kept: Duration,
}

impl HandlerStop {
    /// Creates a handle that follows one token for both events, the shutdown and the drain.
    pub fn new(stop: Stop) -> Self {
        Self::of(stop.clone(), stop, Duration::ZERO)
    }

    /// Creates a handle that follows one token for the shutdown and another for the drain.
    ///
    /// `kept` is subtracted from the time left of `begins`: it is reserved for the stages after the servers.
    pub fn of(begins: Stop, drain: Stop, kept: Duration) -> Self {
        Self { tokens: Arc::new(StopTokens { begins, drain, kept }) }
    }

    /// Returns whether the shutdown has begun. It costs one atomic load.
    #[inline]
    pub fn is_stopping(&self) -> bool {
        self.tokens.begins.is_stopping()
    }

    /// Waits until the shutdown begins.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: dropping the future loses nothing.
    pub fn stopping(&self) -> Stopping<'_> {
        self.tokens.begins.stopping()
    }

    /// Returns the token that is stopping when the servers drain. It is for work that does not end by itself.
    pub fn drain(&self) -> &Stop {
        &self.tokens.drain
    }

    /// Returns the cause of the shutdown, or `None` before it has begun.
    pub fn cause(&self) -> Option<&Cause> {
        self.tokens.begins.cause()
    }

    /// Returns the time at which the server cancels remaining requests. `None` before the shutdown has begun, and for a shutdown
    /// without a deadline.
    ///
    /// It may move earlier during the shutdown, never later.
    pub fn deadline(&self) -> Option<Instant> {
        let StopTokens { begins, drain, kept } = &*self.tokens;
        let mine = begins.deadline().map(|deadline| clock::before(deadline, *kept));
        [mine, drain.deadline()].into_iter().flatten().min()
    }

    /// Returns the time left until the [`deadline`](Self::deadline): zero when it has passed, `None` without a deadline.
    ///
    /// It includes the time that the response needs to reach the client: respond a little earlier.
    pub fn time_left(&self) -> Option<Duration> {
        let StopTokens { begins, drain, kept } = &*self.tokens;
        let mine = begins.time_left().map(|left| left.saturating_sub(*kept));
        [mine, drain.time_left()].into_iter().flatten().min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drain::StopSource;

    const CAUSE: Cause = Cause::Signal { number: 15 };

    #[tokio::test(start_paused = true)]
    async fn a_handler_stop_reports_the_earlier_deadline_of_stage_and_server() {
        let (begins, drain) = (StopSource::with_clock(clock::now), StopSource::with_clock(clock::now));
        let stop = HandlerStop::of(begins.token(), drain.token(), Duration::from_secs(5));
        assert_eq!((stop.is_stopping(), stop.time_left(), stop.deadline()), (false, None, None));
        let now = clock::now();
        begins.stop(CAUSE, Some(now + Duration::from_secs(25)));
        assert_eq!(stop.time_left(), Some(Duration::from_secs(20)));
        assert_eq!(stop.deadline(), Some(now + Duration::from_secs(20)));
        assert!(stop.is_stopping() && !stop.drain().is_stopping());
        // A server may have an earlier deadline than its stage.
        drain.stop(CAUSE, Some(now + Duration::from_secs(8)));
        assert_eq!(stop.time_left(), Some(Duration::from_secs(8)));
        tokio::time::advance(Duration::from_secs(9)).await;
        assert_eq!(stop.time_left(), Some(Duration::ZERO));
        assert_eq!(stop.cause(), Some(&CAUSE));
    }
}
