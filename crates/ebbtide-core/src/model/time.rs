//! Arithmetic on times that come from outside: settings, the environment, a broker's answers. It never panics.

use std::time::Duration;

/// The longest time that is computed with: thirty years. A longer setting, such as [`Duration::MAX`], is taken as this one and
/// means that there is no limit.
pub const LONGEST_TIME: Duration = Duration::from_secs(30 * 365 * 86_400);

/// Returns so many parts of a time that is divided into `of` parts, at most [`Duration::MAX`]; nothing where `of` is zero.
#[doc(hidden)]
pub fn part(time: Duration, parts: u32, of: u32) -> Duration {
    let divided = |time: Duration| time.checked_div(of).unwrap_or_default();
    // Divided last where that is possible, which loses no nanosecond.
    time.checked_mul(parts).map_or_else(|| divided(time).saturating_mul(parts), divided)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_any_time_is_a_time() {
        assert_eq!(part(Duration::from_secs(25), 3, 5), Duration::from_secs(15));
        assert_eq!(part(Duration::from_nanos(1), 1, 2), Duration::ZERO);
        assert_eq!(part(Duration::from_secs(1), 1, 0), Duration::ZERO);
        assert_eq!(part(Duration::MAX, 3, 1), Duration::MAX);
        let most = part(Duration::MAX, 4, 5);
        assert!(Duration::MAX / 10 * 7 < most && most < Duration::MAX / 10 * 9, "{most:?}");
    }
}
