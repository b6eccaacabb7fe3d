use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::drain::sync::{AtomicU64, OnceLock};

/// An instant that only ever moves earlier.
///
/// # Invariants
///
/// 1. `first` is written once and `earlier` only grows, so that no reader sees the deadline move later.
/// 2. After [`tighten`](Self::tighten) returned, who happens after it reads that deadline or an earlier one.
#[derive(Debug)]
pub(in crate::drain) struct Deadline {
    first: OnceLock<Instant>,
    /// By how many nanoseconds the deadline is earlier than `first`. (u64 holds 584 years.)
    earlier: AtomicU64,
}

impl Deadline {
    pub(super) fn new() -> Self {
        Self { first: OnceLock::new(), earlier: AtomicU64::new(0) }
    }

    pub(super) fn tighten(&self, deadline: Instant) {
        let first = *self.first.get_or_init(|| deadline);
        let earlier = first.saturating_duration_since(deadline).as_nanos();
        self.earlier.fetch_max(u64::try_from(earlier).unwrap_or(u64::MAX), Ordering::AcqRel);
    }

    pub(super) fn get(&self) -> Option<Instant> {
        let first = *self.first.get()?;
        let earlier = Duration::from_nanos(self.earlier.load(Ordering::Acquire));
        Some(first.checked_sub(earlier).unwrap_or(first))
    }
}
