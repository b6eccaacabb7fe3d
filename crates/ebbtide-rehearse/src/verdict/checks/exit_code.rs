//! Whether the process ended as expected, and what the service's report says of another end.

use std::time::Duration;

use super::library::{LibraryExit, library_exit};
use super::signals::{ended_by_second, is_end_by};
use crate::record::{Ended, Record};
use crate::scenario::{StopAt, is_crash, signal_name};
use crate::verdict::{Check, CheckId, Finding, Terms};
use crate::words;

/// Did the process end as expected?
pub(in crate::verdict) fn exit_code(record: &Record, terms: &Terms) -> Check {
    let found = |finding, evidence: String| Check::new(CheckId::ExitCode, finding, evidence);
    let expected = terms.expected.iter().map(|expected| text(expected.0)).collect::<Vec<_>>().join(" or ");
    match record.exit {
        Some((_, ended @ Ended::NotObserved)) => found(
            Finding::Inconclusive,
            format!("{}: the process is not a child of this command", text(ended)),
        ),
        Some((_, ended)) if terms.expected.iter().any(|expected| expected.0 == ended) => {
            // A service that assumes more time than it has passes only while it does not use it.
            match other_grace(record, |planned| planned > terms.grace, terms) {
                Some(longer) => found(Finding::Pass, text(ended) + &longer).hint(SAME_GRACE),
                None => found(Finding::Pass, text(ended)),
            }
        }
        Some((_, ended)) if ended_by_second(record, terms).is_some() => {
            found(Finding::Pass, format!("{}, as the second signal asks", text(ended)))
        }
        Some((_, ended)) if terms.at == StopAt::Startup && is_end_by(ended, terms.signal.number()) => {
            found(Finding::Pass, format!("{}, during start-up", text(ended)))
        }
        Some((_, ended)) => {
            let own = library_exit(record.report.as_ref(), ended);
            let said = own.as_ref().map(LibraryExit::evidence).unwrap_or_default();
            let evidence = format!("{}, expected {expected}{said}", text(ended));
            if record.killed.is_some() {
                return found(Finding::Fail, evidence);
            }
            let check = match other_grace(record, |planned| planned < terms.grace, terms) {
                Some(shorter) => found(Finding::Fail, evidence + &shorter).hint(SAME_GRACE),
                None => found(Finding::Fail, evidence).hint(remedy(own.as_ref(), ended)),
            };
            match own {
                Some(own) => check.cause(own.cause()),
                None => check,
            }
        }
        None => found(Finding::Fail, format!("the process never ended, expected {expected}")),
    }
}

const SAME_GRACE: &str = "give EBBTIDE_GRACE of the service and --grace the same value";

/// What can be done about an end that was not expected.
fn remedy(own: Option<&LibraryExit<'_>>, ended: Ended) -> String {
    if let Ended::Signal(signal) = ended
        && is_crash(signal)
    {
        return "its last output and a core dump show where it crashed".to_owned();
    }
    let accept = format!("if this exit is intended: --expect-exit {}", option(ended));
    match own {
        // No service should end by its watchdog, or because it failed.
        Some(own) if !own.may_be_intended() => own.remedy().to_owned(),
        Some(own) => format!("{}; {accept}", own.remedy()),
        None => match ended {
            Ended::Code(4) => format!("{accept}; of a service that is built on ebbtide it is the watchdog's"),
            Ended::Code(3) => {
                format!("{accept}; of a service that is built on ebbtide it means that work was cancelled")
            }
            Ended::Code(code) if is_error_code(code) => format!("{LAST_OUTPUT}; {accept}"),
            _ => accept,
        },
    }
}

/// Returns whether exit code `code` is neither a success nor that of a signal. A program chooses such a code, or its runtime has it for an
/// error that nothing caught, as Node, Python and Java have 1, and Go 2.
pub(in crate::verdict) fn is_error_code(code: i32) -> bool {
    (1..=127).contains(&code)
}

/// The remedy for an exit with such a code.
pub(in crate::verdict) const LAST_OUTPUT: &str = "read the last output of the service: the exit code is that of an error, such as an exception that nothing caught";

/// `ended` as --expect-exit has it.
fn option(ended: Ended) -> String {
    match ended {
        Ended::Code(code) => code.to_string(),
        Ended::Signal(signal) => {
            let name = signal_name(signal);
            format!("signal:{}", name.trim_start_matches("SIG").trim_start_matches("signal "))
        }
        Ended::NotObserved => String::new(),
    }
}

pub(super) fn text(ended: Ended) -> String {
    match ended {
        Ended::Code(code) => format!("exit code {code}"),
        Ended::Signal(signal) if is_crash(signal) => format!("ended by {}, a crash", signal_name(signal)),
        Ended::Signal(signal) => format!("ended by {}", signal_name(signal)),
        Ended::NotObserved => ended.to_string(),
    }
}

/// Returns a note if the service's report shows a grace period that differs from `--grace` in this way.
fn other_grace(record: &Record, differs: impl FnOnce(Duration) -> bool, terms: &Terms) -> Option<String> {
    let millis = record.report.as_ref()?.get("plan")?.get("grace_ms")?.as_u64()?;
    let grace = Duration::from_millis(millis);
    differs(grace).then(|| {
        let (planned, given) = (words::limit(grace), words::limit(terms.grace));
        format!("; the service's grace period is {planned}, that of the rehearsal {given}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Expected;
    use crate::verdict::samples::{found, good, terms};

    #[test]
    fn a_crash_is_called_one_and_is_not_offered_as_expected() {
        let ends = |signal| {
            let exit = good().exit.map(|(at, _)| (at, Ended::Signal(signal)));
            found(CheckId::ExitCode, &Record { exit, ..good() }, &terms())
        };
        let check = ends(11);
        assert_eq!(check.evidence, "ended by SIGSEGV, a crash, expected exit code 0");
        assert!(!check.hint.unwrap().contains("--expect-exit"));
        // What is offered is accepted by the option.
        for signal in [13, 34] {
            let hint = ends(signal).hint.unwrap();
            let option = hint.strip_prefix("if this exit is intended: --expect-exit ").unwrap();
            assert_eq!(
                Expected::parse(option).map(|expected| expected.0),
                Some(Ended::Signal(signal)),
                "{hint}"
            );
        }
    }

    #[test]
    fn the_last_output_explains_the_exit_code_of_an_error() {
        for code in [1, 2, 127] {
            let hint = exits(code, None).hint.unwrap();
            assert!(hint.starts_with("read the last output") && hint.contains("--expect-exit"), "{hint}");
        }
        assert_eq!(exits(143, None).hint.unwrap(), "if this exit is intended: --expect-exit 143");
    }

    const CANCELLED: &str = "let the work end at its stop token, or raise EBBTIDE_GRACE of the service and --grace; \
                             if this exit is intended: --expect-exit 3";

    /// The check of a service that exits with `code` and reports `report`.
    fn exits(code: i32, report: Option<serde_json::Value>) -> Check {
        let exit = good().exit.map(|(at, _)| (at, Ended::Code(code)));
        found(CheckId::ExitCode, &Record { report, exit, ..good() }, &terms())
    }

    #[test]
    fn an_exit_of_the_watchdog_has_it_as_the_cause_and_is_not_offered_as_expected() {
        let api = serde_json::json!({ "name": "api", "in_flight": 2, "stragglers": [
            { "name": "GET /slow from 127.0.0.1:4000", "age_ms": 9100 }
        ] });
        let report = |last: &str| {
            let phases = [
                serde_json::json!({ "phase": "ready", "at_ms": 3 }),
                serde_json::json!({ "phase": last, "at_ms": 9 }),
            ];
            serde_json::json!({ "exit_code": 4, "phases": phases, "components": [api] })
        };
        let check = exits(4, Some(report("draining")));
        assert_eq!(check.evidence, "exit code 4, expected exit code 0; its report names `api` as unfinished");
        assert_eq!(
            check.cause.as_deref(),
            Some(
                "the service's watchdog ended the process at its deadline: `api` had 2 in flight, \
                 the oldest GET /slow from 127.0.0.1:4000 for 9.10 s"
            )
        );
        assert!(!check.hint.unwrap_or_default().contains("--expect-exit"));
        // What waits for an earlier stage is no cause.
        let mut with_others = report("draining");
        let waits = serde_json::json!({ "name": "log", "stage": "telemetry" });
        with_others["components"].as_array_mut().unwrap().insert(0, waits);
        let others = exits(4, Some(with_others));
        assert!(others.evidence.contains("names `log` as unfinished, `api` as unfinished"), "{others:?}");
        assert_eq!(others.cause, exits(4, Some(report("draining"))).cause);
        // The runtime could not begin the shutdown.
        let blocked = exits(4, Some(report("ready"))).cause.unwrap_or_default();
        assert!(
            blocked.contains("the async runtime was blocked, and asked no component to stop"),
            "{blocked}"
        );
        // The opposite: the report of another end, and none at all.
        let other = exits(4, Some(serde_json::json!({ "exit_code": 0, "components": [] })));
        for check in [other, exits(4, None)] {
            assert_eq!(check.cause, None);
            let hint = check.hint.unwrap_or_default();
            assert!(hint.contains("--expect-exit 4") && hint.ends_with("it is the watchdog's"), "{hint}");
        }
    }

    #[test]
    fn work_that_was_cancelled_at_its_deadline_is_the_cause_of_exit_code_3() {
        let drained = serde_json::json!({ "name": "db", "outcome": { "kind": "drained" } });
        let sockets =
            serde_json::json!({ "name": "sockets", "outcome": { "kind": "cancelled" }, "cancelled": 3 });
        let check = exits(3, Some(serde_json::json!({ "exit_code": 3, "components": [drained, sockets] })));
        let cause = "the service cancelled work at its deadline: `sockets` cancelled 3";
        assert_eq!((check.cause.as_deref(), check.hint.as_deref()), (Some(cause), Some(CANCELLED)));
        assert_eq!(exits(3, None).cause, None);
    }

    #[test]
    fn the_error_of_a_component_is_the_cause_of_exit_code_1() {
        let failed = serde_json::json!({ "kind": "failed", "error": "connection refused" });
        let components = [serde_json::json!({ "name": "db", "outcome": failed })];
        let check = exits(1, Some(serde_json::json!({ "exit_code": 1, "components": components })));
        let cause = "start-up or a component of the service failed: `db`: connection refused";
        assert_eq!(check.cause.as_deref(), Some(cause));
        // The start-up failed, before there was a component.
        let report = serde_json::json!({ "exit_code": 1, "cause": { "kind": "start_up_failed", "error": "no database" }, "components": [] });
        let cause = "start-up or a component of the service failed: no database";
        assert_eq!(exits(1, Some(report)).cause.as_deref(), Some(cause));
    }

    #[test]
    fn a_shorter_grace_period_of_the_service_is_reported() {
        for (grace_ms, evidence, hint) in [
            (10_000, "the service's grace period is 10 s, that of the rehearsal 30 s", SAME_GRACE),
            (30_000, "exit code 3, expected exit code 0", CANCELLED),
        ] {
            let report =
                serde_json::json!({ "exit_code": 3, "plan": { "grace_ms": grace_ms }, "components": [] });
            let exit = good().exit.map(|(at, _)| (at, Ended::Code(3)));
            let check = found(CheckId::ExitCode, &Record { report: Some(report), exit, ..good() }, &terms());
            assert!(check.verdict == Finding::Fail && check.evidence.contains(evidence), "{check:?}");
            assert_eq!(check.hint.as_deref(), Some(hint));
        }
    }

    #[test]
    fn a_longer_grace_period_of_the_service_is_noted_although_it_exits_in_time() {
        for (grace_ms, is_noted) in [(60_000, true), (30_000, false), (10_000, false)] {
            let report = serde_json::json!({ "plan": { "grace_ms": grace_ms }, "components": [] });
            let check = found(CheckId::ExitCode, &Record { report: Some(report), ..good() }, &terms());
            let note = "the service's grace period is 60 s, that of the rehearsal 30 s";
            assert!(check.verdict == Finding::Pass && check.evidence.contains(note) == is_noted, "{check:?}");
            assert_eq!(check.hint.as_deref(), is_noted.then_some(SAME_GRACE));
        }
    }
}
