use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::drain::{Stop, Stopping};
use crate::model::Cause;
use crate::util::clock;

/// Tells a handler whether a stop has begun, and how long it has to answer. Cheap to clone.
///
/// It is a request extension, put there by [`StopLayer`](super::StopLayer). With the feature `axum` it is an extractor.
///
/// Two instants matter to a handler. The stop *begins*: the service still serves whatever comes, but the handler's time
/// is limited from here on. Later the servers *drain*: nothing new comes, and what has no end of its own (a WebSocket, an
/// event stream) is to end.
///
/// # Examples
///
/// A long handler that hands the work over instead of being cut:
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
    /// Follows one token for both, the beginning of the stop and of the drain.
    pub fn new(stop: Stop) -> Self {
        Self::of(stop.clone(), stop, Duration::ZERO)
    }

    /// Follows a token for the beginning of the stop and another for that of the drain.
    ///
    /// `kept` is what a handler does not get of the time that `begins` has: the time of the stages behind the servers.
    pub fn of(begins: Stop, drain: Stop, kept: Duration) -> Self {
        Self { tokens: Arc::new(StopTokens { begins, drain, kept }) }
    }

    /// Tells whether the stop has begun. One atomic load.
    #[inline]
    pub fn is_stopping(&self) -> bool {
        self.tokens.begins.is_stopping()
    }

    /// Waits until the stop begins.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped.
    pub fn stopping(&self) -> Stopping<'_> {
        self.tokens.begins.stopping()
    }

    /// Returns the token that is raised when the servers drain: the one for work that has no end of its own.
    pub fn drain(&self) -> &Stop {
        &self.tokens.drain
    }

    /// Returns why the stop began, once it has.
    pub fn cause(&self) -> Option<&Cause> {
        self.tokens.begins.cause()
    }

    /// Returns when the server cuts what it still serves; `None` while no stop has begun, and for one without a limit.
    ///
    /// It may move earlier while the stop is under way, never later.
    pub fn deadline(&self) -> Option<Instant> {
        let StopTokens { begins, drain, kept } = &*self.tokens;
        let mine = begins.deadline().map(|deadline| clock::before(deadline, *kept));
        [mine, drain.deadline()].into_iter().flatten().min()
    }

    /// Returns the time until the [`deadline`](Self::deadline), zero once it has passed.
    ///
    /// What the response needs to reach the client is part of it: answer a little earlier.
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
    async fn a_handler_is_told_the_time_that_is_its_own() {
        let (begins, drain) = (StopSource::with_clock(clock::now), StopSource::with_clock(clock::now));
        let stop = HandlerStop::of(begins.token(), drain.token(), Duration::from_secs(5));
        assert_eq!((stop.is_stopping(), stop.time_left(), stop.deadline()), (false, None, None));
        let now = clock::now();
        begins.stop(CAUSE, Some(now + Duration::from_secs(25)));
        assert_eq!(stop.time_left(), Some(Duration::from_secs(20)));
        assert_eq!(stop.deadline(), Some(now + Duration::from_secs(20)));
        assert!(stop.is_stopping() && !stop.drain().is_stopping());
        // The server may have less than the stage.
        drain.stop(CAUSE, Some(now + Duration::from_secs(8)));
        assert_eq!(stop.time_left(), Some(Duration::from_secs(8)));
        tokio::time::advance(Duration::from_secs(9)).await;
        assert_eq!(stop.time_left(), Some(Duration::ZERO));
        assert_eq!(stop.cause(), Some(&CAUSE));
    }
}
