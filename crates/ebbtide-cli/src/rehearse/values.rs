//! Parsers of option values.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::args::MOST_RUNS;
use ebbtide_core::model::parse_duration;
use ebbtide_rehearse::{BadTarget, Expected, Ready, Route, Shape, Span, StopSignal, Target};
use http::Method;

/// Parses a duration such as `500ms`, `1.5s`, `2m`, `30`, as the library's environment variables do; at most one day.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    if text.trim_start().starts_with('-') && parse_duration(text.trim_start().trim_start_matches('-')).is_ok()
    {
        return Err(format!("invalid duration `{text}`: must not be negative"));
    }
    let time = parse_duration(text).map_err(|error| error.to_string())?;
    if time > DAY { Err(format!("invalid duration `{text}`: must be at most one day")) } else { Ok(time) }
}

/// Parses a duration that something has to fit into.
pub(super) fn limit(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err(format!("invalid duration `{text}`: must be greater than 0")),
        time => Ok(time),
    }
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Parses a range such as `0ms-20ms`, `3s-5s`, `0-20ms`, or one time for both ends.
pub(super) fn span(text: &str) -> Result<Span, String> {
    let duration = |part: &str| {
        let wrong = |_| format!("invalid range `{text}`: expected TIME or MIN-MAX, such as 0-20ms");
        duration(part).map_err(wrong)
    };
    let (least, most) = text.split_once('-').unwrap_or((text, text));
    let most_time = duration(most)?;
    let unit = most.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let bare = least.chars().all(|c| c.is_ascii_digit() || c == '.');
    let least = if bare { duration(&format!("{least}{unit}"))? } else { duration(least)? };
    if least > most_time {
        return Err(format!("invalid range `{text}`: the start is greater than the end"));
    }
    Ok(Span { least, most: most_time })
}

/// Parses a number of clients, or of requests per second.
pub(super) fn clients(text: &str) -> Result<u32, String> {
    within(text, "number", 0, u32::MAX)
}

/// Parses a maximum number of requests.
pub(super) fn requests(text: &str) -> Result<u64, String> {
    within(text, "number", 1, u64::MAX)
}

/// Parses a number of runs.
pub(super) fn runs(text: &str) -> Result<u32, String> {
    within(text, "number", 1, MOST_RUNS)
}

/// Parses a process id.
pub(super) fn pid(text: &str) -> Result<i32, String> {
    within(text, "process id", 1, i32::MAX)
}

/// Parses a number of streams of a connection.
pub(super) fn streams(text: &str) -> Result<u32, String> {
    within(text, "number", 1, 1000)
}

/// Parses any number.
pub(super) fn number(text: &str) -> Result<u64, String> {
    within(text, "number", 0, u64::MAX)
}

/// Parses a status.
pub(super) fn status(text: &str) -> Result<u16, String> {
    within(text, "status", 100, 599)
}

/// Parses a status of an error.
pub(super) fn expect_status(text: &str) -> Result<u16, String> {
    within(text, "status", 400, 599)
}

fn within<T: FromStr + PartialOrd + fmt::Display>(
    text: &str,
    what: &str,
    least: T,
    most: T,
) -> Result<T, String> {
    let number = text.parse().ok().filter(|number| (&least..=&most).contains(&number));
    number.ok_or_else(|| format!("invalid {what} `{text}`: expected a whole number from {least} to {most}"))
}

/// Parses `http://…`, a port, or `host:port`.
pub(super) fn ready(text: &str) -> Result<Ready, String> {
    if text.contains("://") {
        let (target, path) = Target::from_url(text).map_err(|error| error.to_string())?;
        return Ok(Ready::Http(target, path));
    }
    Target::from_port(text).map(Ready::Port).map_err(|error| error.to_string())
}

/// Parses `http://…`, or a path.
pub(super) fn liveness(text: &str) -> Result<Route, String> {
    if text.contains("://") {
        let (target, path) = Target::from_url(text).map_err(|error| error.to_string())?;
        return Ok(Route { target: Some(target), ..Route::get(&path) });
    }
    match text.starts_with('/') && Route::parse(text).is_ok() {
        true => Ok(Route::get(text)),
        false => {
            Err(format!("invalid liveness check `{text}`: expected a path such as /livez, or an http:// URL"))
        }
    }
}

/// A shape and its route, as `--url` gives them. The method may be missing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct ShapeUrl {
    pub(super) shape: Shape,
    route: String,
}

impl ShapeUrl {
    /// Returns the route, with `method` if it has none.
    pub(super) fn route(&self, method: &Method) -> Result<Route, BadTarget> {
        Route::parse_for(self.shape, &self.route, method)
    }
}

/// Parses a shape and its route: `storm=GET:/path`.
pub(super) fn url(text: &str) -> Result<ShapeUrl, String> {
    let wrong = || {
        format!(
            "invalid route `{text}`: expected SHAPE=METHOD:PATH or SHAPE=GRPC:/SERVICE/METHOD; shapes: storm, keepalive, slow, open, orders, \
             websocket, events, download, upload, client-stream, bidi-stream, tcp"
        )
    };
    let (shape, route) = text.split_once('=').ok_or_else(wrong)?;
    let known = Shape::ALL.into_iter().filter(|shape| *shape != Shape::Phases);
    let shape = known.into_iter().find(|known| known.name() == shape).ok_or_else(wrong)?;
    Route::parse_for(shape, route, &Method::GET).map_err(|error| error.to_string())?;
    Ok(ShapeUrl { shape, route: route.to_owned() })
}

/// Parses a method.
pub(super) fn method(text: &str) -> Result<Method, String> {
    let upper = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase());
    // GRPC begins the route of a call.
    let method = text.parse().ok().filter(|method| upper && *method != Method::CONNECT && text != "GRPC");
    method.ok_or_else(|| {
        format!("invalid method `{text}`: expected a name such as POST, and not CONNECT or GRPC")
    })
}

/// Parses a stop signal: `TERM`, `SIGINT`, `15`, `RTMIN+3`.
pub(super) fn signal(text: &str) -> Result<StopSignal, String> {
    StopSignal::parse(text).map_err(|error| error.to_string())
}

/// Parses an expected exit: `0`, `signal:TERM`.
pub(super) fn expected(text: &str) -> Result<Expected, String> {
    Expected::parse(text)
        .ok_or_else(|| format!("invalid exit `{text}`: expected an exit code (0 to 255) or signal:NAME"))
}

#[cfg(test)]
mod tests {
    use clap::{Args as _, Command};

    use super::*;
    use crate::rehearse::args::RehearseArgs;

    /// One rule for the command's options and the library's variables, which both read with `parse_duration`.
    #[test]
    fn durations_are_parsed_as_in_the_library() {
        for (text, millis) in [
            ("20", Some(20_000)),
            ("20s", Some(20_000)),
            ("0", Some(0)),
            ("1.5", Some(1500)),
            ("1.5s", Some(1500)),
            ("500ms", Some(500)),
            ("2m", Some(120_000)),
            ("1h", Some(3_600_000)),
            ("", None),
            ("s", None),
            ("-1s", None),
            ("soon", None),
            ("1e9", None),
            ("99999999999999999999s", None),
            ("..s", None),
        ] {
            let expected = millis.map(Duration::from_millis);
            assert_eq!(duration(text).ok(), expected, "--grace {text}");
            assert_eq!(parse_duration(text).ok(), expected, "EBBTIDE_GRACE={text}");
        }
        assert!(duration("25h").is_err(), "no rehearsal takes longer than a day");
    }

    #[test]
    fn a_span_shares_its_unit() {
        let span = |text| span(text).map(|span| (span.least.as_millis(), span.most.as_millis()));
        assert_eq!(span("0-20ms"), Ok((0, 20)));
        assert_eq!(span("3s-5s"), Ok((3000, 5000)));
        assert_eq!(span("7ms"), Ok((7, 7)));
        assert_eq!(span("1-2"), Ok((1000, 2000)));
        assert!(span("5s-3s").is_err());
    }

    /// `-3s` is the value of an option, and the error says what is wrong with it.
    #[test]
    fn each_time_and_each_number_refuses_a_negative_value() {
        let options = RehearseArgs::augment_args(Command::new("rehearse"));
        let text = [
            "COMMAND",
            "FILE",
            "FORMAT[=FILE]",
            "METHOD",
            "NAME: VALUE",
            "NAME=HOST:PORT",
            "NAME=VALUE",
            "NAME=delay:TIME|silence",
            "NAME[:PORT]",
            "PLATFORM",
            "SHAPE=METHOD:PATH",
            "STATE",
            "STREAMS",
            "TEXT",
            "URL",
            "[SHAPE=]JSON",
        ];
        let is_number = |value: &str| !text.contains(&value);
        let mut seen = Vec::new();
        for option in options.get_opts() {
            let value =
                option.get_value_names().and_then(|names| names.first()).map_or("", |name| name.as_str());
            if !option.get_action().takes_values() || !is_number(value) {
                continue;
            }
            let name = option.get_long().unwrap();
            let given = if value.starts_with("TIME") { "-3s" } else { "-3" };
            let words = ["rehearse", "--demo", &format!("--{name}"), given];
            let error = options.clone().try_get_matches_from(words).unwrap_err();
            let error = error.render().to_string();
            assert!(error.contains(": invalid ") && error.contains(&format!("`{given}`: ")), "{error}");
            assert!(!error.contains("tip:"), "{error}");
            seen.push(name.to_owned());
        }
        assert!(
            ["grace", "think", "storm", "seed", "ready"]
                .iter()
                .all(|name| seen.contains(&(*name).to_owned()))
        );
    }

    #[test]
    fn a_limit_of_zero_is_refused() {
        for zero in ["0", "0s", "0.0ms"] {
            assert_eq!(
                limit(zero).unwrap_err(),
                format!("invalid duration `{zero}`: must be greater than 0")
            );
            assert_eq!(duration(zero), Ok(Duration::ZERO));
        }
        assert_eq!(
            requests("0").unwrap_err(),
            format!("invalid number `0`: expected a whole number from 1 to {}", u64::MAX)
        );
    }

    #[test]
    fn a_url_names_a_known_shape() {
        let slow = url("slow=/slow?ms={ms}").unwrap();
        assert_eq!((slow.shape, slow.route(&Method::PUT).unwrap().method), (Shape::Slow, Method::PUT));
        let line = url("tcp=tcp://localhost:90/PING {id}\\r").unwrap().route(&Method::PUT).unwrap();
        assert_eq!((line.path.as_str(), line.label()), (r"PING {id}\r", r"TCP PING {id}\r".to_owned()));
        assert_eq!(url("tcp=/").unwrap().route(&Method::GET).unwrap().path, "ebbtide {id}");
        for wrong in ["tcp=90", "tcp=http://localhost:90/", "tcp=tcp://localhost/", "tcp=/a\nb"] {
            assert!(url(wrong).unwrap_err().starts_with("invalid line `"), "{wrong}");
        }
        assert!(url("phases=GET:/").is_err());
        assert!(url("storm").is_err());
    }

    #[test]
    fn liveness_is_a_path_or_a_url() {
        let path = liveness("/livez").unwrap();
        assert_eq!((path.target, path.path.as_str()), (None, "/livez"));
        let url = liveness("http://127.0.0.1:9090/livez").unwrap();
        assert_eq!((url.target.unwrap().port(), url.path.as_str()), (Some(9090), "/livez"));
        for wrong in ["livez", "9090", "POST:/livez", "ftp://a/b", ""] {
            assert!(liveness(wrong).unwrap_err().starts_with("invalid "), "{wrong}");
        }
    }

    #[test]
    fn a_method_is_written_in_capitals() {
        assert_eq!(method("PATCH"), Ok(Method::PATCH));
        for text in ["", "post", "PO ST", "CONNECT", "GRPC", "GET:"] {
            assert!(method(text).unwrap_err().starts_with(&format!("invalid method `{text}`: ")), "{text}");
        }
    }
}
