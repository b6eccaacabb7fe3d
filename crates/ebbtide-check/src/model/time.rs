use std::time::Duration;

/// A limit that does not exist.
pub(crate) const UNBOUNDED: Duration = Duration::MAX;

/// Returns a whole number of seconds as a duration.
pub(crate) const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Returns a duration as a user writes it: `5 s`, `1.5 s`, `500 ms`, `unlimited`.
pub(crate) fn show(duration: Duration) -> String {
    if duration == UNBOUNDED {
        "unlimited".to_owned()
    } else if !duration.is_zero() && duration < Duration::from_secs(1) {
        format!("{} ms", duration.as_millis())
    } else {
        format!("{} s", number(duration))
    }
}

/// Returns the seconds of a duration without the unit, with up to three decimals.
pub(crate) fn number(duration: Duration) -> String {
    let text = format!("{}.{:03}", duration.as_secs(), duration.subsec_millis());
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Returns the least whole number of seconds that is enough: many platforms take no fraction.
pub(crate) const fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs().saturating_add((duration.subsec_nanos() > 0) as u64)
}

/// Parses a duration as Go writes it, which Compose, Nomad and the annotations of this check use: `1m30s`, `1.5s`, `500ms`.
pub(crate) fn go_duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    // A sign is allowed, and a negative time is none.
    let text = text.strip_prefix('+').unwrap_or(text);
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut rest = text;
    let mut sum = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !(letter.is_ascii_digit() || letter == '.'))?;
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|letter: char| letter.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let unit = match unit {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 0.001,
            "us" | "µs" | "μs" => 0.000_001,
            "ns" => 0.000_000_001,
            _ => return None,
        };
        sum = sum.checked_add(Duration::try_from_secs_f64(number.parse::<f64>().ok()? * unit).ok()?)?;
        rest = after;
    }
    (!text.is_empty()).then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_durations_are_read_and_others_are_not() {
        for (text, millis) in [
            ("20s", 20_000),
            ("1m30s", 90_000),
            ("1.5s", 1500),
            ("500ms", 500),
            ("0", 0),
            ("1h", 3_600_000),
            ("+25s", 25_000),
            ("+0", 0),
            ("1000μs", 1),
            (".5s", 500),
        ] {
            assert_eq!(go_duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in [
            "",
            "+",
            "++5s",
            "+-5s",
            "20",
            "s",
            "-1s",
            "1x",
            "${T}",
            "1e9h",
            "999999999999999999999h",
            "1..2s",
        ] {
            assert_eq!(go_duration(text), None, "{text}");
        }
    }

    #[test]
    fn durations_are_shown_in_seconds() {
        let shown = [0, 500, 1500, 30_000].map(|millis| show(Duration::from_millis(millis)));
        assert_eq!(shown, ["0 s", "500 ms", "1.5 s", "30 s"]);
        assert_eq!(show(UNBOUNDED), "unlimited");
    }
}
