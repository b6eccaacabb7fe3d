use std::time::{Duration, Instant};

use crate::model::part;
use crate::runtime::clock;

/// When a stop does what: counted once, from one deadline.
///
/// ```text
/// stop ──── jobs go on ────▶ hand back ──── four fifths ────▶ let go ──── close ────▶ deadline
///                            └────────── up to a quarter of the whole ────────────────┘
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Times {
    /// What still runs is handed back from then on. `None` where the stop has no deadline: at the cut.
    pub(super) hand_back: Option<Instant>,
    time: Duration,
}

/// What a hand-back leaves for the end of the subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ends {
    /// Whoever has not been handed back by then is let go.
    pub(super) let_go: Instant,
    /// The loop is over.
    pub(super) close: Instant,
}

impl Times {
    pub(super) fn of(now: Instant, deadline: Option<Instant>, wished: Duration) -> Self {
        let Some(deadline) = deadline else { return Self { hand_back: None, time: wished } };
        let time = wished.min(part(deadline.saturating_duration_since(now), 1, 4));
        Self { hand_back: Some(deadline.checked_sub(time).unwrap_or(now)), time }
    }

    /// Counts from the moment at which the hand-back begins.
    pub(super) fn ends(&self, now: Instant) -> Ends {
        Ends { let_go: clock::after(now, part(self.time, 4, 5)), close: clock::after(now, self.time) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hand_back_takes_at_most_a_quarter_of_what_is_there() {
        let now = clock::now();
        let wished = Duration::from_millis(500);
        for (left, before) in [(20_000, 500), (2000, 500), (1000, 250), (4, 1), (0, 0)] {
            let deadline = now + Duration::from_millis(left);
            let times = Times::of(now, Some(deadline), wished);
            let at = times.hand_back.expect("there is a deadline");
            assert_eq!(deadline - at, Duration::from_millis(before));
            assert_eq!(times.ends(at).close, deadline);
            assert!(times.ends(at).let_go <= deadline);
        }
        assert_eq!(Times::of(now, None, wished).hand_back, None);
    }
}
