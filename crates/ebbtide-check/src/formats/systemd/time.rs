use std::time::Duration;

use crate::model::UNBOUNDED;

/// The seconds of a month and of a year: `USEC_PER_MONTH` and `USEC_PER_YEAR` of systemd.
const MONTH: f64 = 2_629_800.0;
const YEAR: f64 = 31_557_600.0;

/// Parses a time span of systemd.time(7): `90`, `1min 30s`, `500ms`, `infinity`.
pub(super) fn span(text: &str) -> Option<Duration> {
    let text = text.trim();
    if text == "infinity" {
        return Some(UNBOUNDED);
    }
    let mut rest = text;
    let mut sum = Duration::ZERO;
    while !rest.is_empty() {
        let digits =
            rest.find(|letter: char| !(letter.is_ascii_digit() || letter == '.')).unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let after = after.trim_start();
        let letters = after.find(|letter: char| !letter.is_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let factor = match unit {
            "" | "s" | "sec" | "second" | "seconds" => 1.0,
            "ms" | "msec" => 0.001,
            "us" | "usec" | "µs" | "μs" => 0.000_001,
            "m" | "min" | "minute" | "minutes" => 60.0,
            "h" | "hr" | "hour" | "hours" => 3600.0,
            "d" | "day" | "days" => 86_400.0,
            "w" | "week" | "weeks" => 604_800.0,
            "M" | "month" | "months" => MONTH,
            "y" | "year" | "years" => YEAR,
            _ => return None,
        };
        sum = sum.checked_add(Duration::try_from_secs_f64(number.parse::<f64>().ok()? * factor).ok()?)?;
        rest = after.trim_start();
    }
    (!text.is_empty()).then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_and_others_are_not() {
        for (text, millis) in
            [("90", 90_000), ("1min 30s", 90_000), ("5min20s", 320_000), ("500 ms", 500), ("0", 0)]
        {
            assert_eq!(span(text), Some(Duration::from_millis(millis)), "{text}");
        }
        assert_eq!(span("infinity"), Some(UNBOUNDED));
        for (text, seconds) in [
            ("1month", 2_629_800),
            ("3M", 7_889_400),
            ("2 months", 5_259_600),
            ("2y", 63_115_200),
            ("1year 1weeks", 31_557_600 + 604_800),
            ("1.5years", 47_336_400),
            ("1h 1hr 1hour 2hours", 5 * 3600),
            ("1d 1day 2days", 4 * 86_400),
            ("1m 1minute 2minutes", 240),
            ("1sec 1second 2seconds", 4),
            ("1000msec 1000000usec 1000000us 1000000µs 1000000μs", 5),
        ] {
            assert_eq!(span(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        // systemd reads nanoseconds in other settings alone.
        for text in ["", "s", "1x", "%i", "-1", "5ns", "1Min", "5nsec"] {
            assert_eq!(span(text), None, "{text}");
        }
    }
}
