//! The forced path: what the watchdog does when the runtime did not end in time, and what is done when the dispatcher is gone.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::flush_all::run_all;
use super::ledger::LifecycleLedger;
use super::os::exit::{self, last_word};
use super::{Manager, Observers, flush_all, messages, report_file};
use crate::model::{Cause, Exit, Phase, Report, Stage, part, show_duration};
use crate::util::clock;

/// Begins the flushers beside whatever hangs, where the machine did not come to them in time: so they have the time that is
/// kept for them, and not only what is kept for the forced exit.
///
/// Before them the event that tells of the exit is logged and the metrics are recorded, or they would not arrive. Should the runtime come to itself after
/// all, that is done once more.
pub(crate) fn flush_early(ledger: &Arc<LifecycleLedger>, hard: Instant) {
    let ledger = Arc::clone(ledger);
    let flush = move || {
        // Asked here and not by the watchdog: a component that is asked what it holds may hang.
        if ledger.phase() < Phase::Flushing {
            let patience = part(ledger.plan().reserve(Stage::Telemetry), 1, 4);
            say_report(&ledger, patience, Exit::Watchdog);
            run_all(&ledger.flushers(), hard);
        }
    };
    // Without a thread they are begun on the forced path.
    let _ = thread::Builder::new().name("early flush".to_owned()).spawn(flush);
}

/// Reports who is stuck, flushes what can be flushed, and ends the process at `hard` at the latest.
///
/// Everything that may block runs on a thread of its own: the only thing that this one waits for is time.
pub(crate) fn speak_and_exit(ledger: &Arc<LifecycleLedger>, report_path: Option<&Path>, hard: Instant) -> ! {
    speak(ledger, report_path, hard, Exit::Watchdog, who_is_stuck);
    exit::now(Exit::WATCHDOG)
}

/// Ends a process whose exit code was decided, and which did not exit in time: says so, and writes the report where that was not
/// done.
pub(crate) fn leave_late(
    ledger: &Arc<LifecycleLedger>,
    report_path: Option<&Path>,
    hard: Instant,
    code: u8,
) -> ! {
    let (shared, path) = (Arc::clone(ledger), report_path.map(Path::to_owned));
    let done = aside(hard.saturating_duration_since(clock::real()), move || {
        let name = shared.name();
        last_word(&format!(
            "{name}: error: process did not exit after the shutdown; terminating it with exit code {code}\n"
        ));
        if let Some(path) = path.filter(|_| !shared.is_report_written()) {
            write_report(&shared, None, &path);
        }
    });
    drop(done);
    exit::now(code)
}

/// Says that a second signal ends the process. Standard error may be a pipe that nothing reads: that is not waited for.
pub(crate) fn say_second_signal(ledger: &Arc<LifecycleLedger>, number: i32, after: Duration) {
    let shared = Arc::clone(ledger);
    let _ = aside(SAID, move || {
        let signal = Cause::signal_name(number).unwrap_or("signal");
        let (name, after) = (shared.name(), show_duration(after));
        last_word(&format!(
            "{name}: error: second signal {signal}, {after} after the first; terminating the process without a report\n"
        ));
    });
}

/// How long a line that may block is waited for.
const SAID: Duration = Duration::from_millis(50);

fn write_report(ledger: &LifecycleLedger, exit: Option<Exit>, path: &Path) {
    report_file::write_or_say(&ledger.report(exit), path, messages::say_error_unlogged);
}

/// Does what can still be done where the lifecycle itself has panicked, and returns its report: nobody asks the components any
/// more, and those that run as tasks were aborted.
pub(crate) fn speak_of_panic(
    ledger: &Arc<LifecycleLedger>,
    report_path: Option<&Path>,
    hard: Instant,
    message: String,
) -> Report {
    let line = move |_: &LifecycleLedger| format!("lifecycle panicked: {message}");
    speak(ledger, report_path, hard, Exit::Failed, line);
    ledger.report(Some(Exit::Failed))
}

/// Says a line, reports, and flushes, and is done with it by `hard`.
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
    // Where the flushers were begun early, what they are to flush was logged then: nobody has to wait for the rest.
    let patience = if ledger.was_told() { Duration::ZERO } else { half };
    let told = aside(patience, move || {
        let line = line(&shared);
        tell(&shared, path.as_deref(), half, exit, &line);
    });
    flush(ledger, hard);
    // What the flush left over: a machine whose cores all spin takes its time to run a thread.
    for done in [prepared, told] {
        let _ = done.recv_timeout(hard.saturating_duration_since(clock::real()));
    }
}

/// Flushes all at once, waits for those too that were begun before, and says whose flush failed or did not end. Then, and in
/// time, does what is done last.
fn flush(ledger: &LifecycleLedger, hard: Instant) {
    let (flushers, mut lasts) = (ledger.flushers(), ledger.lasts());
    lasts.reverse();
    // What is done last needs a connection's time, where a flush may need all that there is.
    let kept = if lasts.is_empty() { 0 } else { 1 };
    let flushed = clock::before(hard, part(hard.saturating_duration_since(clock::real()), kept, 4));
    flush_all(&flushers, ledger.name(), flushed.saturating_duration_since(clock::real()));
    flush_all(&lasts, ledger.name(), hard.saturating_duration_since(clock::real()));
}

fn who_is_stuck(ledger: &LifecycleLedger) -> String {
    let waiting = ledger.waiting();
    let who = messages::describe(&waiting);
    let who = if who.is_empty() { "the async runtime".to_owned() } else { who };
    let since = ledger.stop_ordered().map_or_else(String::new, |(_, began)| {
        format!(" {} after the shutdown began", show_duration(ledger.now().saturating_sub(began)))
    });
    let phase = ledger.phase();
    format!("watchdog terminates the process{since} in phase {phase}; waiting for: {who}")
}

fn tell(
    ledger: &Arc<LifecycleLedger>,
    report_path: Option<&Path>,
    patience: Duration,
    exit: Exit,
    line: &str,
) {
    last_word(&format!("{}: error: {line}\n", ledger.name()));
    let mut manager = Manager::of(|name| std::env::var_os(name), std::process::id());
    manager.say(line, Duration::ZERO);
    if let Some(path) = report_path {
        write_report(ledger, Some(exit), path);
    }
    // Last, because a subscriber may hang on what is stuck.
    say_report(ledger, patience, exit);
}

/// Logs the report and records the last metrics, once, and waits for that no longer than `patience`.
fn say_report(ledger: &Arc<LifecycleLedger>, patience: Duration, exit: Exit) {
    if ledger.is_first_to_tell() {
        let shared = Arc::clone(ledger);
        let _ = aside(patience, move || {
            Observers::last_look(&shared);
            messages::say_report(&shared.report(Some(exit)));
        });
    }
}

/// Does something that may hang on a thread of its own, and waits for it no longer than `patience`. Whoever waits on is told
/// of its end by the channel, which is closed then.
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
