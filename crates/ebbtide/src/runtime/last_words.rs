//! The forced path: what the watchdog does when the runtime did not end in time.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::ledger::Ledger;
use super::os::exit::{self, last_word};
use super::{report_file, voice};
use crate::model::{Exit, show_duration};

/// Reports who is stuck, flushes what can be flushed, and ends the process at `hard` at the latest.
///
/// Everything that may block runs on a thread of its own: the only thing that this one waits for is time.
pub(crate) fn speak_and_exit(ledger: &Arc<Ledger>, report_path: Option<&Path>, hard: Instant) -> ! {
    let begun = now();
    let half = hard.saturating_duration_since(begun) / 2;
    let path = report_path.map(Path::to_owned);
    let (shared, (done, words)) = (Arc::clone(ledger), mpsc::channel());
    let told = thread::Builder::new().name("last words".to_owned()).spawn(move || {
        tell(&shared, path.as_deref());
        let _ = done.send(());
    });
    if told.is_ok() {
        let _ = words.recv_timeout(half);
    }
    let (done, flushed) = mpsc::channel();
    for flusher in ledger.flushers() {
        let done = done.clone();
        flusher.start(move |_| {
            let _ = done.send(());
        });
    }
    drop(done);
    // Ends when each flusher has dropped its sender.
    while let Some(left) = hard.checked_duration_since(now()).filter(|left| *left > Duration::ZERO) {
        if flushed.recv_timeout(left).is_err() {
            break;
        }
    }
    exit::now(Exit::WATCHDOG)
}

fn tell(ledger: &Ledger, report_path: Option<&Path>) {
    let waiting = ledger.waiting();
    let who = voice::describe(&waiting);
    let who = if who.is_empty() { "the runtime itself".to_owned() } else { who };
    let since = ledger.stop_began().map_or_else(String::new, |began| {
        format!(" {} after the stop began", show_duration(ledger.now().saturating_sub(began)))
    });
    let phase = ledger.phase();
    last_word(&format!(
        "{}: error: the watchdog ends the process{since}, in phase {phase}; stuck: {who}\n",
        ledger.name()
    ));
    let report = ledger.report(Some(Exit::Watchdog));
    if let Some(path) = report_path
        && let Err(error) = report_file::write(&report, path)
    {
        last_word(&format!(
            "{}: error: failed to write the report to {}: {error}\n",
            ledger.name(),
            path.display()
        ));
    }
    // Last, because a subscriber may hang on what is stuck.
    voice::say_report(&report);
}

#[expect(
    clippy::disallowed_methods,
    reason = "real time: the runtime's clock may stand still with the runtime"
)]
fn now() -> Instant {
    Instant::now()
}
