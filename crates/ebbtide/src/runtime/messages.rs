//! The log messages of a lifecycle. They go to `tracing`; without a subscriber, errors go to standard error.

use std::time::Duration;

use crate::model::{Cause, ComponentReport, Exit, Outcome, Report, Stage, Straggler, show_duration};

use tracing::info;

use super::os::exit::write_stderr;
use super::{START_UP_NAME, has_subscriber, log_error};

/// The maximum number of stragglers of one component in a line.
const NAMED_HELD: usize = 8;

/// The maximum number of components in a line, and of flusher lines on standard error.
const NAMED: usize = 20;

/// Logs an error that ends the process.
pub(crate) fn log_lifecycle_error(name: &str, error: &str) {
    if has_subscriber() {
        crate::runtime::log_error!(lifecycle = name, "{error}");
    } else {
        write_error_to_stderr(name, error);
    }
}

/// Writes an error to standard error, for paths on which a subscriber may hang.
pub(crate) fn write_error_to_stderr(name: &str, error: &str) {
    write_stderr(&format!("{name}: error: {error}\n"));
}

/// Logs that a signal repeats the first one, and is ignored.
pub(crate) fn log_duplicate_signal(name: &str, number: i32, after: Duration) {
    let signal = Cause::signal_name(number).unwrap_or("signal");
    let after = show_duration(after);
    tracing::info!(lifecycle = name, signal, after, "duplicate signal ignored");
}

/// Logs the report as one event.
pub(crate) fn log_report(report: &Report) {
    for component in report.components.iter().filter(|component| component.unaccounted() > 0) {
        let (component, missing) = (&component.name, component.unaccounted());
        crate::runtime::log_warn!(
            lifecycle = report.name,
            component,
            missing,
            "component counts are inconsistent"
        );
    }
    let (code, cause) =
        (report.exit_code, report.cause.as_ref().map_or_else(String::new, ToString::to_string));
    let took = show_duration(report.stop);
    let requests = WorkSums::of(report, |stage| stage == Stage::Servers);
    let jobs = WorkSums::of(report, |stage| matches!(stage, Stage::Intake | Stage::Workers));
    let sum = |count: fn(&ComponentReport) -> u64| report.components.iter().map(count).sum::<u64>();
    let requeued = sum(|one| one.requeued_ids.len() as u64);
    macro_rules! say {
        ($log:ident $(, $undrained:ident)?) => {
            $log!(
                lifecycle = report.name,
                cause,
                code,
                took,
                requests_at_signal = requests.at_signal,
                requests_since = requests.since,
                requests_finished = requests.finished,
                jobs_at_signal = jobs.at_signal,
                jobs_since = jobs.since,
                jobs_finished = jobs.finished,
                ended_early = sum(|one| one.ended_early),
                cancelled = sum(|one| one.cancelled),
                failed = sum(|one| one.failed),
                abandoned = sum(|one| one.abandoned),
                requeued,
                redelivered = sum(|one| one.redelivered),
                $($undrained,)?
                "lifecycle exited"
            )
        };
    }
    if code == 0 {
        say!(info);
    } else if is_failed_start_alone(report) {
        // Its error was logged when it failed: the end of the lifecycle is no second failure.
        let undrained = undrained(report);
        say!(info, undrained);
    } else {
        let undrained = undrained(report);
        say!(log_error, undrained);
    }
}

/// Whether the start-up failed and everything that it had registered drained.
fn is_failed_start_alone(report: &Report) -> bool {
    let is_start_up =
        |component: &ComponentReport| component.name == START_UP_NAME && component.stage == Stage::Intake;
    matches!(report.cause, Some(Cause::StartUpFailed { .. }))
        && report.exit_code == Exit::FAILED
        && report.undrained().all(|component| is_start_up(component) || is_to_come(component))
}

/// Work of some components: in flight when the shutdown began, accepted since, and finished since.
struct WorkSums {
    at_signal: u64,
    since: u64,
    finished: u64,
}

impl WorkSums {
    fn of(report: &Report, is_counted: impl Fn(Stage) -> bool) -> Self {
        let counted = report.components.iter().filter(|component| is_counted(component.stage));
        counted.fold(Self { at_signal: 0, since: 0, finished: 0 }, |sum, one| Self {
            at_signal: sum.at_signal + one.in_flight_at_stop,
            since: sum.since + one.begun,
            finished: sum.finished + one.finished,
        })
    }
}

/// Whether it is a flusher without an outcome: the event precedes the flushers.
fn is_to_come(component: &ComponentReport) -> bool {
    component.stage == Stage::Telemetry && component.outcome.is_none()
}

/// Names the components that did not drain, without the flushers, which have no outcome yet.
fn undrained(report: &Report) -> String {
    let describe = |component: &ComponentReport| {
        let outcome = component.outcome.as_ref().map_or("still running", Outcome::name);
        let held = component.stragglers.iter().map(|straggler| straggler.name.as_str());
        let held = held.take(NAMED_HELD).collect::<Vec<_>>().join(", ");
        let open = if held.is_empty() { String::new() } else { format!(" with {held}") };
        let requeued = some_of("requeued", &component.requeued_ids);
        let unsettled = some_of("not settled", &component.unsettled);
        format!("{} ({outcome}{open}{requeued}{unsettled})", component.name)
    };
    first_few(report.undrained().filter(|one| !is_to_come(one)).map(describe), "; ")
}

/// Writes the flushers that did not drain to standard error, because the log may be what they failed to flush. The exit event was
/// logged before they ran, so the final exit code is repeated here.
pub(crate) fn log_failed_flushers(report: &Report) {
    let (name, code) = (&report.name, report.exit_code);
    let mut undrained = report.undrained().filter(|component| component.stage == Stage::Telemetry);
    for component in undrained.by_ref().take(NAMED) {
        let outcome = component.outcome.as_ref().map_or_else(String::new, ToString::to_string);
        write_stderr(&format!("{name}: error: {} ({outcome}); exit code {code}\n", component.name));
    }
    let more = undrained.count();
    if more > 0 {
        write_stderr(&format!("{name}: error: {more} more flushers did not finish; exit code {code}\n"));
    }
}

/// Describes the oldest work in flight of a component, with ages and where it was created.
pub(crate) fn held(in_flight: u64, stragglers: &[Straggler]) -> String {
    let shown: Vec<String> = stragglers.iter().take(NAMED_HELD).map(describe_straggler).collect();
    if stragglers.len() <= NAMED_HELD {
        return shown.join("; ");
    }
    format!("{}; and {} more", shown.join("; "), in_flight.saturating_sub(shown.len() as u64))
}

/// The current work of one component.
#[derive(Clone, Debug)]
pub(crate) struct WaitingComponent {
    pub(crate) name: String,
    pub(crate) asked: bool,
    pub(crate) in_flight: u64,
    pub(crate) requeued: usize,
    pub(crate) stragglers: Vec<Straggler>,
}

/// Describes the components that the shutdown waits for.
pub(crate) fn describe(waiting: &[WaitingComponent]) -> String {
    first_few(waiting.iter().filter(|one| one.asked).map(describe_component), "; ")
}

/// Describes the components that were not asked to stop, those with work in flight first.
pub(crate) fn describe_unasked(waiting: &[WaitingComponent]) -> String {
    let mut unasked: Vec<_> = waiting.iter().filter(|one| !one.asked).collect();
    unasked.sort_by_key(|one| one.in_flight == 0);
    first_few(unasked.into_iter().map(describe_component), "; ")
}

fn describe_component(one: &WaitingComponent) -> String {
    let held: Vec<String> = one.stragglers.iter().take(3).map(describe_straggler).collect();
    let in_flight = match (one.in_flight, held.is_empty()) {
        (0, true) => None,
        (count, true) => Some(format!("{count} in flight")),
        (count, false) => Some(format!("{count} in flight: {}", held.join(", "))),
    };
    let requeued = (one.requeued > 0).then(|| format!("{} requeued", one.requeued));
    let state: Vec<String> = in_flight.into_iter().chain(requeued).collect();
    if state.is_empty() { one.name.clone() } else { format!("{} ({})", one.name, state.join("; ")) }
}

/// Joins the first few, and appends the number of the others.
fn first_few(mut words: impl Iterator<Item = String>, separator: &str) -> String {
    let mut few: Vec<String> = words.by_ref().take(NAMED).collect();
    let more = words.count();
    if more > 0 {
        few.push(format!("and {more} more"));
    }
    few.join(separator)
}

/// Names the first few, after a comma.
fn some_of(what: &str, ids: &[String]) -> String {
    match ids.len() {
        0 => String::new(),
        1..=8 => format!(", {what}: {}", ids.join(", ")),
        more => format!(", {what}: {} and {} more", ids[..8].join(", "), more - 8),
    }
}

fn describe_straggler(straggler: &Straggler) -> String {
    let created = straggler.created.as_ref().map_or_else(String::new, |at| format!(", from {at}"));
    format!("{} for {}{created}", straggler.name, show_duration(straggler.age))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_components_are_described_with_in_flight_and_requeued_work() {
        let job = Straggler { name: "7".to_owned(), age: Duration::from_secs(3), created: None };
        let one = |name: &str, in_flight, requeued, stragglers| WaitingComponent {
            name: name.to_owned(),
            asked: true,
            in_flight,
            requeued,
            stragglers,
        };
        let waiting = [
            one("emails", 1, 2, vec![job]),
            one("invoices", 0, 4, Vec::new()),
            one("api", 3, 0, Vec::new()),
            one("hook", 0, 0, Vec::new()),
        ];
        assert_eq!(
            describe(&waiting),
            "emails (1 in flight: 7 for 3s; 2 requeued); invoices (4 requeued); api (3 in flight); hook"
        );
        assert_eq!(describe_unasked(&waiting), "");
        let unasked: Vec<_> =
            waiting.into_iter().rev().map(|one| WaitingComponent { asked: false, ..one }).collect();
        assert_eq!(describe(&unasked), "");
        assert_eq!(
            describe_unasked(&unasked),
            "api (3 in flight); emails (1 in flight: 7 for 3s; 2 requeued); hook; invoices (4 requeued)"
        );
    }
}
