use std::time::Duration;

/// The longest that RabbitMQ takes for a queue's app is 2³² − 1 ms: less [`MARGIN`], this is the longest delay, 49 days.
const LONGEST: u64 = u32::MAX as u64 - MARGIN.as_secs() * 1000;

/// A queue of delayed jobs lives for so long after the last of them is due.
pub(super) const MARGIN: Duration = Duration::from_secs(300);

/// How long a job waits before it is delivered again, in milliseconds: as long as was asked for, or up to an eighth longer.
///
/// In RabbitMQ only what is at the head of a queue comes due, so each delay needs a queue of its own, whatever waits in it
/// having the same. Rounding keeps their number small: eight between each delay and its double.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Delay(u64);

impl Delay {
    /// Returns none for no delay at all.
    pub(super) fn of(after: Duration) -> Option<Self> {
        let millis = u64::try_from(after.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX).min(LONGEST);
        let step = 1 << millis.checked_ilog2()?.saturating_sub(3);
        Some(Self(millis.next_multiple_of(step).min(LONGEST)))
    }

    pub(super) const fn millis(self) -> u64 {
        self.0
    }

    /// How long its queue lives when nothing comes any more.
    pub(super) const fn handle(self) -> u64 {
        self.0 + MARGIN.as_secs() * 1000
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_delay_is_never_shorter_than_asked_and_at_most_an_eighth_longer() {
        assert_eq!(Delay::of(Duration::ZERO), None);
        assert_eq!(Delay::of(Duration::from_nanos(1)), Some(Delay(1)));
        for asked in (1..100_000).chain([LONGEST / 3, LONGEST]) {
            let millis = Delay::of(Duration::from_millis(asked)).unwrap().millis();
            assert!(asked <= millis && millis <= asked + asked / 8, "{asked} ms became {millis}");
        }
    }

    #[test]
    fn there_are_eight_delays_between_one_and_its_double() {
        let between = |range: std::ops::Range<u64>| {
            let delays: BTreeSet<_> =
                range.map(|asked| Delay::of(Duration::from_millis(asked)).unwrap().millis()).collect();
            delays.len()
        };
        assert_eq!((between(1001..2001), between(60_001..120_001)), (9, 9));
    }

    #[test]
    fn what_is_beyond_the_broker_becomes_its_longest() {
        let longest = Delay::of(Duration::MAX).unwrap();
        assert_eq!((longest.millis(), longest.handle()), (LONGEST, u32::MAX.into()));
    }
}
