use std::sync::Arc;
use std::time::Instant;

use super::state::StopState;
use super::token::Stop;
use crate::model::Cause;

/// Raises a [`Stop`].
///
/// Purposefully not `Clone`: whoever holds it decides, everybody else holds the token. A source that is dropped leaves
/// its tokens as they are: they are never raised any more.
///
/// # Examples
///
/// ```
/// # use ebbtide_core as ebbtide;
/// use std::time::Instant;
///
/// use ebbtide::drain::StopSource;
/// use ebbtide::model::Cause;
///
/// let source = StopSource::new();
/// let stop = source.token();
/// assert!(!stop.is_stopping());
///
/// source.stop(Cause::Signal { number: 15 }, None);
/// assert!(stop.is_stopping());
/// assert_eq!(stop.cause(), Some(&Cause::Signal { number: 15 }));
/// ```
#[derive(Debug)]
pub struct StopSource {
    state: Arc<StopState>,
}

impl Default for StopSource {
    fn default() -> Self {
        Self::new()
    }
}

impl StopSource {
    /// Makes a source whose tokens are not stopping.
    ///
    /// # Examples
    ///
    /// ```
    /// # use ebbtide_core as ebbtide;
    /// let source = ebbtide::drain::StopSource::new();
    /// assert!(!source.token().is_stopping());
    /// ```
    pub fn new() -> Self {
        #[expect(clippy::disallowed_methods, reason = "the clock of the machine, which callers may exchange")]
        Self::with_clock(Instant::now)
    }

    /// Makes a source whose [`Stop::time_left`] is that of another clock, such as one that tests move.
    pub fn with_clock(now: fn() -> Instant) -> Self {
        Self { state: Arc::new(StopState::new(Some(now))) }
    }

    /// Returns a token. All tokens of a source are raised together.
    ///
    /// # Examples
    ///
    /// ```
    /// # use ebbtide_core as ebbtide;
    /// let source = ebbtide::drain::StopSource::new();
    /// let (one, other) = (source.token(), source.token());
    /// source.cancel();
    /// assert!(one.is_cancelled() && other.is_cancelled());
    /// ```
    pub fn token(&self) -> Stop {
        Stop::new(Arc::clone(&self.state))
    }

    /// Raises the tokens to *stopping*, and returns whether this was the call that did it.
    ///
    /// Only the first call counts: its cause and its deadline stay, those of a later call are dropped. To bring the
    /// deadline forward, [`tighten`](Self::tighten) it. `None` is a stop without a limit.
    ///
    /// Everybody who waits is woken before it returns; what that costs is about what the executor takes to schedule
    /// them.
    ///
    /// # Examples
    ///
    /// ```
    /// # use ebbtide_core as ebbtide;
    /// use std::time::Instant;
    ///
    /// use ebbtide::drain::StopSource;
    /// use ebbtide::model::Cause;
    ///
    /// let source = StopSource::new();
    /// let (first, second) = (Cause::Signal { number: 15 }, Cause::Signal { number: 2 });
    /// assert!(source.stop(first.clone(), None));
    /// assert!(!source.stop(second, None));
    /// assert_eq!(source.token().cause(), Some(&first));
    /// ```
    pub fn stop(&self, cause: Cause, deadline: Option<Instant>) -> bool {
        self.state.stop(cause, deadline)
    }

    /// Brings the deadline forward; one that is later than the present deadline changes nothing.
    ///
    /// A stop without a limit gets one. Before the stop it is kept for it: the earlier of the two will count. It wakes
    /// nobody: the token does not cancel itself, the owner of the source does.
    ///
    /// # Examples
    ///
    /// ```
    /// # use ebbtide_core as ebbtide;
    /// use std::time::{Duration, Instant};
    ///
    /// use ebbtide::drain::StopSource;
    /// use ebbtide::model::Cause;
    ///
    /// let source = StopSource::new();
    /// let (early, late) = (Instant::now() + Duration::from_secs(5), Instant::now() + Duration::from_secs(25));
    /// source.stop(Cause::Signal { number: 15 }, Some(late));
    /// source.tighten(early);
    /// source.tighten(late);
    /// assert_eq!(source.token().deadline(), Some(early));
    /// ```
    pub fn tighten(&self, deadline: Instant) {
        self.state.tighten(deadline);
    }

    /// Raises the tokens to *cancelled*, which implies *stopping*. Wakes those who wait for either.
    ///
    /// # Examples
    ///
    /// ```
    /// # use ebbtide_core as ebbtide;
    /// let source = ebbtide::drain::StopSource::new();
    /// source.cancel();
    /// let stop = source.token();
    /// assert!(stop.is_stopping() && stop.is_cancelled());
    /// assert_eq!(stop.cause(), None, "no stop came before it");
    /// ```
    pub fn cancel(&self) {
        self.state.cancel();
    }
}
