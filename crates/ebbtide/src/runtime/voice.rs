//! What a lifecycle says: through `tracing`, and where nobody listens there, errors on standard error.

use crate::model::{Outcome, Report, Stage, show_duration};

use super::ledger::Waiting;
use super::os::exit::last_word;

/// Says an error that ends the process.
pub(crate) fn say_error(name: &str, error: &str) {
    if tracing::dispatcher::has_been_set() {
        tracing::error!(lifecycle = name, "{error}");
    } else {
        last_word(&format!("{name}: error: {error}\n"));
    }
}

/// Logs the report as one event.
pub(crate) fn say_report(report: &Report) {
    let (in_flight, finished, cut) = report.totals();
    let cause = report.cause.as_ref().map_or_else(String::new, ToString::to_string);
    let troubled: Vec<String> = report
        .troubled()
        .map(|component| {
            let outcome = component.outcome.as_ref().map_or("still running", Outcome::name);
            let held = component.stragglers.iter().map(|straggler| straggler.name.as_str());
            let held = held.take(8).collect::<Vec<_>>().join(", ");
            let open = if held.is_empty() { String::new() } else { format!(" with {held}") };
            format!("{} ({outcome}{open})", component.name)
        })
        .collect();
    let troubled = troubled.join("; ");
    let (name, code) = (&report.name, report.exit_code);
    let took = show_duration(report.stop);
    if code == 0 {
        tracing::info!(lifecycle = name, cause, code, took, in_flight, finished, cut, "lifecycle exited");
    } else {
        tracing::error!(
            lifecycle = name,
            cause,
            code,
            took,
            in_flight,
            finished,
            cut,
            troubled,
            "lifecycle exited"
        );
    }
}

/// Says which flushers did not drain, on standard error: the log may be what they failed to flush.
pub(crate) fn say_flushers(report: &Report) {
    for component in report.troubled().filter(|component| component.stage == Stage::Telemetry) {
        let outcome = component.outcome.as_ref().map_or_else(String::new, ToString::to_string);
        last_word(&format!("{}: error: {} ({outcome})\n", report.name, component.name));
    }
}

/// Describes who is waited for in a few words.
pub(crate) fn describe(waiting: &[Waiting]) -> String {
    let describe = |one: &Waiting| {
        let held: Vec<String> = one.stragglers.iter().take(3).map(describe_straggler).collect();
        match (one.in_flight, held.is_empty()) {
            (0, true) => one.name.clone(),
            (count, true) => format!("{} ({count} in flight)", one.name),
            (count, false) => format!("{} ({count} in flight: {})", one.name, held.join(", ")),
        }
    };
    let asked: Vec<String> = waiting.iter().filter(|one| one.asked).map(describe).collect();
    asked.join("; ")
}

fn describe_straggler(straggler: &crate::model::Straggler) -> String {
    let created = straggler.created.as_ref().map_or_else(String::new, |at| format!(", from {at}"));
    format!("{} for {}{created}", straggler.name, show_duration(straggler.age))
}
