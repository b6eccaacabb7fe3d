//! Formats numbers and errors for people.

use std::error::Error;
use std::time::Duration;

/// Formats a count: `12,034`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Formats a count with its noun: `1 order`, `2 orders`.
pub fn plural(number: u64, one: &str, more: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { more })
}

/// Formats a measured time: `0.53 ms`, `12 ms`, `1.42 s`.
pub fn time(duration: Duration) -> String {
    let ms = duration.as_secs_f64() * 1000.0;
    match ms {
        ..10.0 => format!("{ms:.2} ms"),
        10.0..1000.0 => format!("{ms:.0} ms"),
        _ => format!("{:.2} s", ms / 1000.0),
    }
}

/// Formats an amount of memory: `48 MiB`.
pub fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", count(bytes.div_ceil(1024 * 1024)))
}

/// Formats a configured limit: `30 s`, `500 ms`.
pub fn limit(duration: Duration) -> String {
    match duration.subsec_millis() {
        0 => format!("{} s", duration.as_secs()),
        _ => format!("{} ms", duration.as_millis()),
    }
}

/// Returns the name of a gRPC status: `UNAVAILABLE`.
pub fn grpc_status(code: u16) -> String {
    const NAMES: [&str; 17] = [
        "OK",
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
        "UNAUTHENTICATED",
    ];
    NAMES.get(usize::from(code)).map_or_else(|| code.to_string(), |name| (*name).to_owned())
}

/// Formats an error with its sources, joined by `: `. A source that ends the text of its error is not repeated.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        if !text.ends_with(&inner_text) {
            text += &format!(": {inner_text}");
        }
        source = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_source_is_printed_once() {
        let io = || std::io::Error::other("refused");
        #[derive(Debug, thiserror::Error)]
        enum Outer {
            #[error("no connection")]
            Without(#[source] std::io::Error),
        }
        assert_eq!(chain(&Outer::Without(io())), "no connection: refused");
        // A foreign error may repeat its source.
        let repeated = std::io::Error::other(Outer::Without(io()));
        assert_eq!(chain(&repeated), "no connection: refused");
    }

    #[test]
    fn thousands_are_separated() {
        assert_eq!([0, 999, 1000, 1234567].map(count), ["0", "999", "1,000", "1,234,567"]);
    }
}
