use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam_utils::CachePadded;

use super::waitlist::WaitList;
use crate::drain::sync::{AtomicU8, AtomicU64, OnceLock};
use crate::model::Cause;

/// The state that a source and its tokens share.
///
/// # Invariants
///
/// 1. The level only rises.
/// 2. The details are written once, and before [`stop`](Self::stop) raises the level: a thread that sees the stop sees its cause
///    and its deadline. (A cancellation without a preceding stop has neither.)
/// 3. When [`stop`](Self::stop) or [`cancel`](Self::cancel) has returned, the level is raised, whichever call was the first.
/// 4. The deadline is the earlier of the stop's and the tightened one. The first never changes and the second only moves earlier,
///    so the deadline never moves later.
/// 5. Every task that waits for a level is woken when it is reached: the level is raised before the list is fired. See
///    [`WaitList`].
#[derive(Debug)]
pub(super) struct StopState {
    /// On a separate cache line, so that a check costs one load even while other threads clone the token.
    level: CachePadded<AtomicU8>,
    details: OnceLock<Details>,
    tightened: Deadline,
    pub(super) now: Option<fn() -> Instant>,
    pub(super) waiting: WaitList,
}

#[derive(Debug)]
struct Details {
    cause: Cause,
    deadline: Option<Instant>,
}

impl StopState {
    pub(super) fn new(now: Option<fn() -> Instant>) -> Self {
        Self {
            level: CachePadded::new(AtomicU8::new(0)),
            details: OnceLock::new(),
            tightened: Deadline::new(),
            now,
            waiting: WaitList::new(),
        }
    }

    #[inline]
    pub(super) fn has_reached(&self, level: Level) -> bool {
        self.level.load(Ordering::Acquire) >= level as u8
    }

    pub(super) fn stop(&self, cause: Cause, deadline: Option<Instant>) -> bool {
        let first = self.details.set(Details { cause, deadline }).is_ok();
        self.raise(Level::Stopping);
        first
    }

    pub(super) fn cancel(&self) {
        self.raise(Level::Cancelled);
    }

    pub(super) fn tighten(&self, deadline: Instant) {
        self.tightened.tighten(deadline);
    }

    pub(super) fn cause(&self) -> Option<&Cause> {
        self.details.get().map(|details| &details.cause)
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        if !self.has_reached(Level::Stopping) {
            return None;
        }
        let stop = self.details.get().and_then(|details| details.deadline);
        stop.into_iter().chain(self.tightened.get()).min()
    }

    fn raise(&self, level: Level) {
        if self.level.fetch_max(level as u8, Ordering::AcqRel) < level as u8 {
            self.waiting.fire(level);
        }
    }
}

/// The level of a token. A level includes the ones below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(in crate::drain) enum Level {
    /// Finish what is in flight, take nothing new.
    Stopping = 1,
    /// The deadline is exceeded: drop it.
    Cancelled = 2,
}

impl Level {
    /// The number of levels.
    pub(super) const COUNT: usize = 2;

    /// Returns the index of the level, from zero.
    pub(super) const fn index(self) -> usize {
        match self {
            Self::Stopping => 0,
            Self::Cancelled => 1,
        }
    }
}

/// An instant that only ever moves earlier.
///
/// # Invariants
///
/// 1. `first` is written once and `earlier` only grows, so that no reader sees the deadline move later.
/// 2. A read that happens after the return of [`tighten`](Self::tighten) returns that deadline or an earlier one.
#[derive(Debug)]
struct Deadline {
    first: OnceLock<Instant>,
    /// How many nanoseconds the deadline is earlier than `first`. (A `u64` holds 584 years.)
    earlier: AtomicU64,
}

impl Deadline {
    fn new() -> Self {
        Self { first: OnceLock::new(), earlier: AtomicU64::new(0) }
    }

    fn tighten(&self, deadline: Instant) {
        let first = *self.first.get_or_init(|| deadline);
        let earlier = first.saturating_duration_since(deadline).as_nanos();
        self.earlier.fetch_max(u64::try_from(earlier).unwrap_or(u64::MAX), Ordering::AcqRel);
    }

    fn get(&self) -> Option<Instant> {
        let first = *self.first.get()?;
        let earlier = Duration::from_nanos(self.earlier.load(Ordering::Acquire));
        Some(first.checked_sub(earlier).unwrap_or(first))
    }
}
