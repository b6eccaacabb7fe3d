//! The variables of services built with Ebbtide, as the library reads them.

use std::time::Duration;

use crate::input::Place;
use crate::model::{Declared, Drain, Platform, Variable, is_variable, seconds, show};

const GRACE: &str = "EBBTIDE_GRACE";
const MARGIN: &str = "EBBTIDE_MARGIN";
const LAME_DUCK: &str = "EBBTIDE_LAME_DUCK";

/// The least lame duck of Kubernetes, at most three fifths of the deadline. It has none on a platform that moves the traffic away first.
const KUBERNETES: Duration = seconds(5);

/// The longest margin if none is set.
const LONGEST_MARGIN: Duration = seconds(5);

/// What this check adds to every drain. A deadline has a margin of the library behind it, which is shorter if the grace period is short.
const ADDED: Duration = super::MARGIN;

/// How long a service serves new requests after the signal.
struct LameDuck {
    least: Duration,
    most: Duration,
}

/// Returns the drain time that the variables declare: to the deadline, which is the grace period less the margin.
pub(super) fn drain_of(variables: &[Variable]) -> Option<Drain> {
    let (value, place) = find(variables, GRACE)?;
    let grace = duration(value?)?;
    let time = deadline(grace, variables).min(grace.saturating_sub(ADDED));
    Some(drain(time, "EBBTIDE_GRACE less its margin", place))
}

/// Returns the longest time for which the variables let a service serve new requests after the signal, as a drain time.
pub(super) fn longest_lame_duck(variables: &[Variable]) -> Option<Drain> {
    let (value, place) = find(variables, LAME_DUCK)?;
    Some(drain(lame_duck(value?)?.most, LAME_DUCK, place))
}

/// Returns the least time that the variables let a service serve new requests after the signal.
pub(crate) fn lame_duck_of(platform: Platform, variables: &[Variable]) -> Option<Declared<Duration>> {
    if let Some((value, place)) = find(variables, LAME_DUCK) {
        return Some(match value.and_then(lame_duck) {
            Some(lame_duck) => Declared::Written(lame_duck.least, place),
            None => Declared::Unresolved(place),
        });
    }
    let (value, _) = find(variables, GRACE).filter(|_| platform == Platform::Kubernetes)?;
    let three_fifths = deadline(duration(value?)?, variables).saturating_mul(3).checked_div(5)?;
    Some(Declared::Default(KUBERNETES.min(three_fifths)))
}

/// Returns the settings with which a service does not start, each with what is wrong. What is replaced before the start is none of them.
pub(crate) fn refused_settings(variables: &[Variable]) -> Vec<(Place, String)> {
    let mut refused = Vec::new();
    let written = |name| {
        let (value, place) = find(variables, name)?;
        Some((value.filter(|value| !is_variable(value))?, place))
    };
    for name in [GRACE, MARGIN] {
        if let Some((value, place)) = written(name).filter(|(value, _)| duration(value).is_none()) {
            let expected = "expected a number of seconds or a number with ms, s, m or h";
            refused.push((place, format!("invalid duration `{value}` of {name}: {expected}")));
        }
    }
    let Some((value, place)) = written(LAME_DUCK) else { return refused };
    let Some(times) = lame_duck(value) else {
        refused.push((place, format!("invalid {LAME_DUCK} `{value}`: expected DURATION or MIN/QUIET/MAX")));
        return refused;
    };
    let (least, most) = (show(times.least), show(times.most));
    let deadline = written(GRACE).and_then(|(value, _)| Some(deadline(duration(value)?, variables)));
    if times.least > times.most {
        refused
            .push((place, format!("invalid {LAME_DUCK} `{value}`: minimum {least} exceeds maximum {most}")));
    } else if let Some(deadline) = deadline.filter(|deadline| times.most >= *deadline) {
        let limit = format!("the {} that {GRACE} leaves before its margin", show(deadline));
        refused.push((place, format!("invalid {LAME_DUCK} `{value}`: {most} does not fit in {limit}")));
    }
    refused
}

fn drain(time: Duration, from: &str, place: Place) -> Drain {
    Drain { time, from: from.to_owned(), place: Some(place), is_declared: true }
}

/// Returns the value of a variable, if it is not empty: the library ignores an empty one.
fn find<'v>(variables: &'v [Variable], name: &str) -> Option<(Option<&'v str>, Place)> {
    let variable = variables.iter().rev().find(|variable| variable.name == name)?;
    let value = variable.value.as_deref();
    value.is_none_or(|value| !value.is_empty()).then_some((value, variable.place))
}

/// Returns when a service has exited: the grace period less the margin, which is a sixth of it and at most 5 s unless it is set.
fn deadline(grace: Duration, variables: &[Variable]) -> Duration {
    let margin = match find(variables, MARGIN) {
        Some((value, _)) => value.and_then(duration),
        None => grace.checked_div(6).map(|margin| margin.min(LONGEST_MARGIN)),
    };
    grace.saturating_sub(margin.unwrap_or(LONGEST_MARGIN))
}

fn lame_duck(text: &str) -> Option<LameDuck> {
    match *text.split('/').collect::<Vec<_>>().as_slice() {
        [time] => duration(time).map(|time| LameDuck { least: time, most: time }),
        [least, quiet, most] => {
            duration(quiet)?;
            Some(LameDuck { least: duration(least)?, most: duration(most)? })
        }
        _ => None,
    }
}

/// Parses a number with one unit, or of seconds.
fn duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let number = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = match text.get(number.len()..)? {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    let number = number.trim_end();
    let is_plain = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    is_plain.then_some(())?;
    Duration::try_from_secs_f64(number.parse::<f64>().ok()? * unit).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Sources;

    fn variables(all: &[(&str, &str)]) -> Vec<Variable> {
        let id = Sources::new().add("a", "");
        let variable = |(index, (name, value)): (usize, &(&str, &str))| Variable {
            name: (*name).to_owned(),
            value: Some((*value).to_owned()),
            place: Place::new(id, index, index),
        };
        all.iter().enumerate().map(variable).collect()
    }

    /// The sums of `Budget::plan` in ebbtide-core: 60 s less 5 s, 6 s less 1 s. The check adds 2 s, which a short grace period has only
    /// with its own margin.
    #[test]
    fn the_drain_ends_at_the_deadline_of_the_library() {
        for (all, expected) in [
            (&[("EBBTIDE_GRACE", "60s")][..], Some(55_000)),
            (&[("EBBTIDE_GRACE", "60")], Some(55_000)),
            (&[("EBBTIDE_GRACE", "12s")], Some(10_000)),
            (&[("EBBTIDE_GRACE", "6s")], Some(4000)),
            (&[("EBBTIDE_GRACE", "60s"), ("EBBTIDE_MARGIN", "20s")], Some(40_000)),
            (&[("EBBTIDE_GRACE", "60s"), ("EBBTIDE_MARGIN", "500ms")], Some(58_000)),
            (&[("EBBTIDE_GRACE", "60s"), ("EBBTIDE_LAME_DUCK", "5s/1s/15s")], Some(55_000)),
            (&[("EBBTIDE_GRACE", "120ms")], Some(0)),
            (&[("EBBTIDE_LAME_DUCK", "5s/1s/15s")], None),
            (&[("EBBTIDE_GRACE", "1m30s")], None),
            (&[("EBBTIDE_GRACE", "")], None),
            (&[("EBBTIDE_MARGIN", "5s")], None),
        ] {
            let found = drain_of(&variables(all)).map(|drain| drain.time.as_millis());
            assert_eq!(found, expected, "{all:?}");
        }
    }

    #[test]
    fn the_lame_duck_is_its_minimum_and_the_default_is_that_of_kubernetes() {
        let found = |all: &[(&str, &str)], platform| {
            lame_duck_of(platform, &variables(all))
                .map(|duck| (duck.value().map(Duration::as_millis), duck.is_default()))
        };
        let kubernetes = Platform::Kubernetes;
        assert_eq!(found(&[("EBBTIDE_LAME_DUCK", "5s/1s/15s")], kubernetes), Some((Some(5000), false)));
        assert_eq!(found(&[("EBBTIDE_LAME_DUCK", "20s")], Platform::Ecs), Some((Some(20_000), false)));
        assert_eq!(found(&[("EBBTIDE_LAME_DUCK", "${X}")], kubernetes), Some((None, false)));
        assert_eq!(found(&[("EBBTIDE_GRACE", "60s")], kubernetes), Some((Some(5000), true)));
        assert_eq!(found(&[("EBBTIDE_GRACE", "6s")], kubernetes), Some((Some(3000), true)));
        assert_eq!(found(&[("EBBTIDE_GRACE", "60s")], Platform::Nomad), None);
        assert_eq!(found(&[], kubernetes), None);
    }

    #[test]
    fn settings_with_which_the_service_does_not_start_are_refused() {
        for (all, expected) in [
            (&[("EBBTIDE_GRACE", "soon")][..], "invalid duration `soon` of EBBTIDE_GRACE"),
            (&[("EBBTIDE_MARGIN", "1m30s")], "invalid duration `1m30s` of EBBTIDE_MARGIN"),
            (&[("EBBTIDE_LAME_DUCK", "1s/2s")], "expected DURATION or MIN/QUIET/MAX"),
            (&[("EBBTIDE_LAME_DUCK", "3s/1s/2s")], "minimum 3 s exceeds maximum 2 s"),
            (
                &[("EBBTIDE_GRACE", "60s"), ("EBBTIDE_LAME_DUCK", "5s/1s/55s")],
                "55 s does not fit in the 55 s that EBBTIDE_GRACE leaves",
            ),
        ] {
            let found = refused_settings(&variables(all));
            assert!(found.len() == 1 && found[0].1.contains(expected), "{all:?}: {found:?}");
        }
        for all in [
            &[("EBBTIDE_GRACE", "60s"), ("EBBTIDE_LAME_DUCK", "5s/1s/15s")][..],
            &[("EBBTIDE_GRACE", "${G}"), ("EBBTIDE_LAME_DUCK", "$D")],
            &[("EBBTIDE_GRACE", ""), ("EBBTIDE_LAME_DUCK", "90s")],
        ] {
            assert_eq!(refused_settings(&variables(all)), [], "{all:?}");
        }
    }
}
