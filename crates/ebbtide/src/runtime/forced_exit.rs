//! The forced exit: the actions of the watchdog after the deadline, and the actions after a panic of the dispatcher.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::flush_all::run_all;
use super::ledger::LifecycleLedger;
use super::os::exit::{self, write_stderr};
use super::{Manager, Observers, flush_all, messages, report_file};
use crate::model::{Cause, Exit, Phase, Report, Stage, part, show_duration};
use crate::util::clock;

/// Starts the flushers although an earlier stage hangs, when their reserved time begins. Otherwise they would have only the time
/// reserved for the forced exit.
///
/// The exit event is logged and the metrics are recorded first, because later ones may not be flushed. If the runtime recovers,
/// both are done again.
pub(crate) fn flush_early(ledger: &Arc<LifecycleLedger>, hard: Instant) {
    let ledger = Arc::clone(ledger);
    let flush = move || {
        // Called here and not by the watchdog: a component may hang when it reports its work.
        if ledger.phase() < Phase::Flushing {
            let patience = part(ledger.plan().reserve(Stage::Telemetry), 1, 4);
            log_report(&ledger, patience, Exit::Watchdog);
            run_all(&ledger.flushers(), hard);
        }
    };
    // Without a thread the flushers start at the forced exit.
    let _ = thread::Builder::new().name("early flush".to_owned()).spawn(flush);
}

/// Reports the components that did not stop, flushes, and ends the process at `hard` at the latest.
///
/// Everything that may block runs on a separate thread: this thread waits with timeouts only.
pub(crate) fn report_and_exit(ledger: &Arc<LifecycleLedger>, report_path: Option<&Path>, hard: Instant) -> ! {
    speak(ledger, report_path, hard, Exit::Watchdog, describe_unfinished);
    exit::now(Exit::WATCHDOG)
}

/// Ends a process whose exit code was decided but which did not exit in time. Logs that, and writes the report if it was not
/// written.
pub(crate) fn exit_with_decided_code(
    ledger: &Arc<LifecycleLedger>,
    report_path: Option<&Path>,
    hard: Instant,
    code: u8,
) -> ! {
    let (shared, path) = (Arc::clone(ledger), report_path.map(Path::to_owned));
    let done = aside(hard.saturating_duration_since(clock::real()), move || {
        let name = shared.name();
        write_stderr(&format!(
            "{name}: error: process did not exit after the shutdown; terminating it with exit code {code}\n"
        ));
        if let Some(path) = path.filter(|_| !shared.is_report_written()) {
            write_report(&shared, None, &path);
        }
    });
    drop(done);
    exit::now(code)
}

/// Logs that a second signal ends the process. Does not wait for a blocked standard error.
pub(crate) fn write_second_signal(ledger: &Arc<LifecycleLedger>, number: i32, after: Duration) {
    let shared = Arc::clone(ledger);
    let _ = aside(SAID, move || {
        let signal = Cause::signal_name(number).unwrap_or("signal");
        let (name, after) = (shared.name(), show_duration(after));
        write_stderr(&format!(
            "{name}: error: second signal {signal}, {after} after the first; terminating the process without a report\n"
        ));
    });
}

/// The timeout of a line that may block.
const SAID: Duration = Duration::from_millis(50);

fn write_report(ledger: &LifecycleLedger, exit: Option<Exit>, path: &Path) {
    report_file::write_report_or_log(&ledger.report(exit), path, messages::write_error_to_stderr);
}

/// Reports and flushes after a panic of the lifecycle, and returns its report. Components are not asked to stop any more, and
/// their tasks were aborted.
pub(crate) fn report_panic(
    ledger: &Arc<LifecycleLedger>,
    report_path: Option<&Path>,
    hard: Instant,
    message: String,
) -> Report {
    let line = move |_: &LifecycleLedger| format!("lifecycle panicked: {message}");
    speak(ledger, report_path, hard, Exit::Failed, line);
    ledger.report(Some(Exit::Failed))
}

/// Logs a line, reports, and flushes, by `hard` at the latest.
fn speak(
    ledger: &Arc<LifecycleLedger>,
    report_path: Option<&Path>,
    hard: Instant,
    exit: Exit,
    line: impl FnOnce(&LifecycleLedger) -> String + Send + 'static,
) {
    let half = part(hard.saturating_duration_since(clock::real()), 1, 2);
    let shared = Arc::clone(ledger);
    let prepared = aside(Duration::ZERO, move || shared.prepare_for_exit());
    let path = report_path.map(Path::to_owned);
    let shared = Arc::clone(ledger);
    // If the flushers started early, the report was logged then: no need to wait for the rest.
    let patience = if ledger.is_exit_reported() { Duration::ZERO } else { half };
    let told = aside(patience, move || {
        let line = line(&shared);
        tell(&shared, path.as_deref(), half, exit, &line);
    });
    flush(ledger, hard);
    // With the time left after the flush: on a machine whose cores all spin, a thread starts late.
    for done in [prepared, told] {
        let _ = done.recv_timeout(hard.saturating_duration_since(clock::real()));
    }
}

/// Runs all flushers concurrently, waits also for those that were started before, and logs those that failed or did not finish.
/// Then runs the exit hooks, within the deadline.
fn flush(ledger: &LifecycleLedger, hard: Instant) {
    let (flushers, mut lasts) = (ledger.flushers(), ledger.lasts());
    lasts.reverse();
    // An exit hook needs the time of one connection, but a flush may need all the time left.
    let kept = if lasts.is_empty() { 0 } else { 1 };
    let flushed = clock::before(hard, part(hard.saturating_duration_since(clock::real()), kept, 4));
    flush_all(&flushers, ledger.name(), flushed.saturating_duration_since(clock::real()));
    flush_all(&lasts, ledger.name(), hard.saturating_duration_since(clock::real()));
}

fn describe_unfinished(ledger: &LifecycleLedger) -> String {
    let waiting = ledger.waiting();
    let who = match (messages::describe(&waiting), messages::describe_unasked(&waiting)) {
        (asked, _) if !asked.is_empty() => asked,
        (_, unasked) if !unasked.is_empty() => {
            format!("the async runtime, which has asked no component to stop: {unasked}")
        }
        _ => "the async runtime".to_owned(),
    };
    let now = ledger.now();
    let after = ledger.stop_ordered().map_or_else(String::new, |(_, began)| {
        format!(" {} after the shutdown began", show_duration(now.saturating_sub(began)))
    });
    let (phase, since) = ledger.phase_since();
    let in_phase = show_duration(now.saturating_sub(since));
    format!("watchdog terminates the process{after}; phase {phase} for {in_phase}; waiting for: {who}")
}

fn tell(
    ledger: &Arc<LifecycleLedger>,
    report_path: Option<&Path>,
    patience: Duration,
    exit: Exit,
    line: &str,
) {
    write_stderr(&format!("{}: error: {line}\n", ledger.name()));
    let mut manager = Manager::of(|name| std::env::var_os(name), std::process::id());
    manager.say(line, Duration::ZERO);
    if let Some(path) = report_path {
        write_report(ledger, Some(exit), path);
    }
    // Last, because a subscriber may hang.
    log_report(ledger, patience, exit);
}

/// Logs the report and records the last metrics, once, and waits at most `patience`.
fn log_report(ledger: &Arc<LifecycleLedger>, patience: Duration, exit: Exit) {
    if ledger.claim_exit_report() {
        let shared = Arc::clone(ledger);
        let _ = aside(patience, move || {
            Observers::record_last_metrics(&shared);
            messages::log_report(&shared.report(Some(exit)));
        });
    }
}

/// Runs something that may hang on a separate thread, and waits at most `patience`. The returned channel closes when it has ended.
fn aside(patience: Duration, run: impl FnOnce() + Send + 'static) -> mpsc::Receiver<()> {
    let (done, wait) = mpsc::channel();
    let run = move || {
        run();
        let _ = done.send(());
    };
    if thread::Builder::new().name("last words".to_owned()).spawn(run).is_ok() {
        let _ = wait.recv_timeout(patience);
    }
    wait
}
