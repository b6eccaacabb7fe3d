//! Times from outside (settings, the environment, a broker's responses): arithmetic that never panics, text and JSON formats.

use std::time::Duration;

/// The longest time used in computations: thirty years. A longer setting, such as [`Duration::MAX`], is reduced to it and means
/// no limit.
pub const LONGEST_TIME: Duration = Duration::from_secs(30 * 365 * 86_400);

/// Returns `time * parts / of`, at most [`Duration::MAX`]; zero if `of` is zero.
#[doc(hidden)]
pub fn part(time: Duration, parts: u32, of: u32) -> Duration {
    let divided = |time: Duration| time.checked_div(of).unwrap_or_default();
    // Divides last unless the product overflows: that loses no nanosecond.
    time.checked_mul(parts).map_or_else(|| divided(time).saturating_mul(parts), divided)
}

/// An invalid duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid duration `{text}`: expected seconds or a number with ms, s, m or h, at most 1000 days")]
pub struct DurationError {
    /// The text that could not be parsed.
    pub text: String,
}

/// Parses a duration: a number with the unit `ms`, `s`, `m`, `min` or `h`. Without a unit, the number is seconds.
///
/// # Errors
///
/// Returns an error if the text has another form, is negative, or is longer than a thousand days.
///
/// # Examples
///
/// ```
/// # use ebbtide_core as ebbtide;
/// use std::time::Duration;
/// use ebbtide::model::parse_duration;
///
/// assert_eq!(parse_duration("1.5s"), Ok(Duration::from_millis(1500)));
/// assert_eq!(parse_duration("30"), Ok(Duration::from_secs(30)));
/// assert!(parse_duration("soon").is_err());
/// ```
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    const LONGEST: f64 = 86_400_000.0;
    let error = || DurationError { text: text.to_owned() };
    let trimmed = text.trim();
    let digits = trimmed.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let scale = match &trimmed[digits.len()..] {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return Err(error()),
    };
    // `f64::from_str` accepts `inf` and exponents; a duration must not have them.
    if !digits.trim_end().bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return Err(error());
    }
    let seconds = digits.trim_end().parse::<f64>().map_err(|_| error())? * scale;
    if seconds > LONGEST {
        return Err(error());
    }
    Duration::try_from_secs_f64(seconds).map_err(|_| error())
}

/// Formats a duration as in the plan: `25s`, `1.5s`, `250ms`.
pub fn show_duration(duration: Duration) -> String {
    let millis = duration.as_millis();
    match (millis, millis % 1000) {
        (0, _) => "0s".to_owned(),
        (_, 0) => format!("{}s", millis / 1000),
        (1000.., _) => format!("{}s", format!("{:.3}", duration.as_secs_f64()).trim_end_matches('0')),
        _ => format!("{millis}ms"),
    }
}

/// Durations in whole milliseconds, for the report's JSON.
pub(super) mod millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(in crate::model) fn serialize<S: Serializer>(
        value: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(value.as_millis()).unwrap_or(u64::MAX))
    }

    pub(in crate::model) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_form;

    #[test]
    fn a_part_of_any_duration_does_not_overflow() {
        assert_eq!(part(Duration::from_secs(25), 3, 5), Duration::from_secs(15));
        assert_eq!(part(Duration::from_nanos(1), 1, 2), Duration::ZERO);
        assert_eq!(part(Duration::from_secs(1), 1, 0), Duration::ZERO);
        assert_eq!(part(Duration::MAX, 3, 1), Duration::MAX);
        let most = part(Duration::MAX, 4, 5);
        assert!(Duration::MAX / 10 * 7 < most && most < Duration::MAX / 10 * 9, "{most:?}");
    }

    #[test]
    fn durations_parse_with_and_without_a_unit() {
        for (text, millis) in [("0", 0), ("250ms", 250), ("2m", 120_000), ("1.25 s", 1250), ("1h", 3_600_000)]
        {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "s", "-1s", "1e9", "inf", "nan", "5 days", "1..2s", "99999999999h"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_format_without_trailing_zeros() {
        for (millis, shown) in [(0, "0s"), (20, "20ms"), (1500, "1.5s"), (25_000, "25s"), (1_010, "1.01s")] {
            assert_eq!(show_duration(Duration::from_millis(millis)), shown);
        }
    }

    #[test]
    fn error_texts_have_the_form() {
        error_form::walk! {
            DurationError { .. } => parse_duration("soon").expect_err("not a duration");
        }
    }
}
