use std::time::Duration;

use crate::model::{go_duration, seconds};

/// How a setting writes a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A whole number of seconds: `int` of Python, `Integer` of Ruby, `int.TryParse` of .NET.
    Whole,
    /// A number with one unit, or of milliseconds, or an ISO 8601 duration such as `PT30S`: `DurationStyle` of Spring Boot.
    Spring,
    /// A number of seconds, or numbers with units: nginx and Traefik.
    Units,
}

impl Form {
    pub(super) fn read(self, text: &str) -> Option<Duration> {
        let whole = || text.parse::<u64>().ok();
        match self {
            Self::Whole => whole().map(seconds),
            Self::Units => whole().map(seconds).or_else(|| go_duration(text)),
            Self::Spring => whole().map(Duration::from_millis).or_else(|| spring(text)),
        }
    }

    pub(super) fn expected(self) -> &'static str {
        match self {
            Self::Whole => "expected a whole number of seconds, such as 30",
            Self::Units => "expected a number of seconds or a number with a unit, such as 30 or 1m30s",
            Self::Spring => "expected a number with one unit, such as 30s, or a duration such as PT1M30S",
        }
    }
}

fn spring(text: &str) -> Option<Duration> {
    let lower = text.to_ascii_lowercase();
    if let Some(iso) = lower.strip_prefix("pt") {
        return go_duration(iso);
    }
    let digits = lower.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let number = digits.parse::<u64>().ok()?;
    match lower.get(digits.len()..)? {
        "d" => number.checked_mul(86_400).map(seconds),
        _ => go_duration(&lower),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_server_reads_its_own_form() {
        for (form, text, expected) in [
            (Form::Whole, "60", Some(60_000)),
            (Form::Whole, "60s", None),
            (Form::Whole, "-1", None),
            (Form::Whole, "1.5", None),
            (Form::Units, "60", Some(60_000)),
            (Form::Units, "1m30s", Some(90_000)),
            (Form::Units, "soon", None),
            (Form::Spring, "500", Some(500)),
            (Form::Spring, "60s", Some(60_000)),
            (Form::Spring, "1D", Some(86_400_000)),
            (Form::Spring, "PT1M30S", Some(90_000)),
            (Form::Spring, "1m30s", None),
            (Form::Spring, "1.5s", None),
        ] {
            assert_eq!(form.read(text).map(|time| time.as_millis()), expected, "{form:?} {text}");
        }
    }
}
