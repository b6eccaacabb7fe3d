//! Did the process end as expected?

use std::time::Duration;

use crate::record::{Ended, Record};
use crate::scenario::signal_name;
use crate::verdict::{Check, CheckId, Finding, Terms};
use crate::words;

pub(super) fn check(record: &Record, terms: &Terms) -> Check {
    let found = |finding, evidence: String| Check::new(CheckId::ExitCode, finding, evidence);
    let expected = terms.expected.iter().map(|expected| text(expected.0)).collect::<Vec<_>>().join(" or ");
    match record.exit {
        Some((_, ended)) if terms.expected.iter().any(|expected| expected.0 == ended) => {
            found(Finding::Pass, text(ended))
        }
        Some((_, ended)) => {
            let said = meaning(record, ended);
            let hint = match (record.killed, shorter_grace(record, terms)) {
                (Some(_), _) => String::new(),
                (None, Some(hint)) => hint,
                (None, None) => {
                    format!("; if the service ends so on purpose: --expect-exit {}", option(ended))
                }
            };
            found(Finding::Fail, format!("{}, expected {expected}{said}{hint}", text(ended)))
        }
        None => found(Finding::Fail, format!("it never ended, expected {expected}")),
    }
}

/// `ended` as --expect-exit has it.
fn option(ended: Ended) -> String {
    match ended {
        Ended::Code(code) => code.to_string(),
        Ended::Signal(signal) => format!("signal:{}", signal_name(signal).trim_start_matches("SIG")),
    }
}

fn text(ended: Ended) -> String {
    match ended {
        Ended::Code(code) => format!("exit code {code}"),
        Ended::Signal(signal) => format!("ended by {}", signal_name(signal)),
    }
}

/// What the service's own report adds, for a service that writes one.
fn meaning(record: &Record, ended: Ended) -> String {
    let (Some(report), Ended::Code(code)) = (&record.report, ended) else { return String::new() };
    let code = match code {
        1 => " (start-up or a component failed)",
        3 => " (something was cancelled at its deadline)",
        4 => " (the watchdog had to end it)",
        _ => "",
    };
    let named = unfinished(report);
    if named.is_empty() { code.into() } else { format!("{code}; its report names {}", named.join(", ")) }
}

/// Says so where the service plans for less time than it has, as its report shows.
fn shorter_grace(record: &Record, terms: &Terms) -> Option<String> {
    let millis = record.report.as_ref()?.get("plan")?.get("grace_ms")?.as_u64()?;
    let grace = Duration::from_millis(millis);
    (grace < terms.grace).then(|| {
        let (planned, given) = (words::limit(grace), words::limit(terms.grace));
        format!(
            "; its own grace period is {planned}, and --grace is {given}: give both the platform's, the service by EBBTIDE_GRACE"
        )
    })
}

/// Components that did not drain, as the report lists them.
fn unfinished(report: &serde_json::Value) -> Vec<String> {
    let components = report.get("components").and_then(serde_json::Value::as_array);
    components
        .into_iter()
        .flatten()
        .filter_map(|component| {
            let name = component.get("name")?.as_str()?;
            // No outcome: it still ran when the watchdog wrote the report.
            let outcome = component.get("outcome").and_then(|outcome| outcome.get("kind")?.as_str());
            let outcome = outcome.unwrap_or("unfinished");
            (outcome != "drained").then(|| format!("`{name}` as {outcome}"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::samples::{found, good, terms};

    #[test]
    fn a_service_that_plans_for_less_time_than_it_has_is_told_so() {
        for (grace_ms, hint) in
            [(10_000, "its own grace period is 10 s, and --grace is 30 s"), (30_000, "--expect-exit 3")]
        {
            let report = serde_json::json!({ "plan": { "grace_ms": grace_ms }, "components": [] });
            let exit = good().exit.map(|(at, _)| (at, Ended::Code(3)));
            let check = found(CheckId::ExitCode, &Record { report: Some(report), exit, ..good() }, &terms());
            assert!(check.verdict == Finding::Fail && check.evidence.contains(hint), "{check:?}");
        }
    }
}
