use std::sync::Arc;
use std::time::Instant;

use super::state::StopState;
use super::token::Stop;
use crate::model::Cause;

/// The owner of a [`Stop`] token: raises it to *stopping* and to *cancelled*.
///
/// Deliberately not `Clone`: only the owner of the source decides, all other code has a token. Dropping the source does not raise
/// its tokens; they keep their level for ever.
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
    /// Creates a source whose tokens are not stopping.
    ///
    /// # Examples
    ///
    /// ```
    /// # use ebbtide_core as ebbtide;
    /// let source = ebbtide::drain::StopSource::new();
    /// assert!(!source.token().is_stopping());
    /// ```
    pub fn new() -> Self {
        #[expect(clippy::disallowed_methods, reason = "the default clock; `with_clock` takes another")]
        Self::with_clock(Instant::now)
    }

    /// Creates a source that computes [`Stop::time_left`] with the given clock, such as one that tests control.
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

    /// Raises the tokens to *stopping*. Returns whether this was the first call.
    ///
    /// Only the first call sets the cause and the deadline; those of a later call are dropped. To bring the deadline forward,
    /// call [`tighten`](Self::tighten). `None` means no deadline.
    ///
    /// All waiting tasks are woken before the call returns. The cost is about that of scheduling them.
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

    /// Brings the deadline forward. A deadline later than the present one changes nothing.
    ///
    /// A stop without a deadline gets one. Before the stop, the value is kept, and the earlier of the two deadlines holds.
    /// The call wakes no task: the token does not cancel itself, the owner of the source must call [`cancel`](Self::cancel).
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

    /// Raises the tokens to *cancelled*, which implies *stopping*. Wakes the tasks that wait for either level.
    ///
    /// # Examples
    ///
    /// ```
    /// # use ebbtide_core as ebbtide;
    /// let source = ebbtide::drain::StopSource::new();
    /// source.cancel();
    /// let stop = source.token();
    /// assert!(stop.is_stopping() && stop.is_cancelled());
    /// assert_eq!(stop.cause(), None, "no stop preceded it");
    /// ```
    pub fn cancel(&self) {
        self.state.cancel();
    }
}
