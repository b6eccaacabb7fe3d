//! From times to positions.

use std::time::Duration;

/// The steps between the marks of an axis, in seconds.
const STEPS: [u64; 14] = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200];

/// The most marks of an axis.
const MAX_MARKS: u64 = 8;

/// A time axis from zero to an end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    end: Duration,
}

impl Axis {
    pub(super) fn to(end: Duration) -> Self {
        Self { end: end.max(Duration::from_secs(1)) }
    }

    /// Returns where a time is, as a part of the axis.
    pub(super) fn part(self, time: Duration) -> f64 {
        (time.as_secs_f64() / self.end.as_secs_f64()).min(1.0)
    }

    /// Returns the times of the marks, from zero on.
    pub(super) fn marks(self) -> Vec<Duration> {
        let end = self.end.as_secs();
        let days = end.div_ceil(MAX_MARKS).div_ceil(3600).saturating_mul(3600);
        let step = STEPS.into_iter().find(|step| end.div_euclid(*step) < MAX_MARKS).unwrap_or(days).max(1);
        (0..=end.div_euclid(step)).map(|mark| Duration::from_secs(mark.saturating_mul(step))).collect()
    }
}

/// Returns a time as people write it: `90 s`, `1.5 s`.
pub(crate) fn show(time: Duration) -> String {
    let text = format!("{}.{:03}", time.as_secs(), time.subsec_millis());
    format!("{} s", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_of_any_length_has_few_marks_and_each_is_on_it() {
        for end in [0, 1, 7, 8, 30, 42, 90, 302, 3600, 86_400, 10_000_000, u64::MAX] {
            let axis = Axis::to(Duration::from_secs(end));
            let marks = axis.marks();
            assert!((1..=9).contains(&marks.len()), "{end}: {marks:?}");
            assert!(marks.iter().all(|mark| axis.part(*mark) <= 1.0), "{end}: {marks:?}");
            assert!(marks.is_sorted() && marks[0].is_zero(), "{end}: {marks:?}");
        }
        let marks = Axis::to(Duration::from_secs(42)).marks();
        assert_eq!(marks, [0, 10, 20, 30, 40].map(Duration::from_secs));
    }
}
