//! Samples the service from its start to its end, on a thread of its own.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::Builder;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tokio::sync::oneshot;

use super::accept_queues::QueueSamples;
use super::left_behind::LeftBehind;
use super::output::{stack_traces, truncated_line};
use super::resources::ResourceSamples;
use crate::child::Family;
use crate::clock::{At, Clock};
use crate::record::{Observed, Record, StackTraces};

/// How often the length of the output and the accept queues are read after the signal: this exact is the time of a stack trace.
const TICK: Duration = Duration::from_millis(10);
/// How often the processes are sampled.
const EVERY: Duration = Duration::from_millis(100);
/// How often their open files are listed.
const FILES_EVERY: Duration = Duration::from_millis(500);
/// A sample is followed by a pause of this many times the processor time that it took, so that a machine with many processes has time for the service.
const LEAST_PAUSE: u32 = 20;

/// What is sampled.
pub(crate) struct Sampled {
    /// The processes.
    pub(crate) family: Family,
    /// The file with their output, made right before they were started. It does not exist for a service that was attached to, of which the output
    /// and what it leaves are unknown.
    pub(crate) log: PathBuf,
    /// The folder for temporary files, beside those of the system.
    pub(crate) temporary: Option<OsString>,
}

/// Samples a service. Dropping it ends the thread.
#[derive(Debug)]
pub(crate) struct Sampler {
    log: PathBuf,
    orders: Sender<Order>,
    done: oneshot::Receiver<Observed>,
}

#[derive(Clone, Copy, Debug)]
enum Order {
    /// The signal is sent now, when the output has this length.
    Signalled(u64),
    /// Every process of the service has ended.
    Finish(Ended),
}

/// How the run ended.
#[derive(Clone, Copy, Debug)]
struct Ended {
    signalled: At,
    exit: At,
    /// Whether each process ended by itself, or was ended as on a platform.
    by_itself: bool,
}

impl Sampler {
    /// Begins to sample `what`.
    ///
    /// # Errors
    ///
    /// The thread cannot be started.
    pub(crate) fn start(what: Sampled, clock: Clock) -> io::Result<Self> {
        let (orders, received) = channel();
        let (tell, done) = oneshot::channel();
        let log = what.log.clone();
        Builder::new().name("sampler".into()).spawn(move || {
            if let Some(observed) = run(&what, &received, clock) {
                // The receiver may have been interrupted.
                let _gone = tell.send(observed);
            }
        })?;
        Ok(Self { log, orders, done })
    }

    /// Announces the signal, right before it is sent.
    pub(crate) fn signalled(&self) {
        let _ended = self.orders.send(Order::Signalled(length(&self.log)));
    }

    /// Returns what was observed, once every process of the service of `record` has ended.
    pub(crate) async fn finish(self, record: &Record) -> Observed {
        let (signalled, by_itself) = (record.signalled, record.cleaned_up.is_none());
        let exit = record.exit.map_or(signalled, |(exit, _)| exit);
        let _ended = self.orders.send(Order::Finish(Ended { signalled, exit, by_itself }));
        self.done.await.unwrap_or_default()
    }
}

/// Samples until the service has ended. `None`: the run was interrupted.
fn run(what: &Sampled, orders: &Receiver<Order>, clock: Clock) -> Option<Observed> {
    let mut output: Option<OutputLength> = None;
    let mut resources = ResourceSamples::default();
    let mut files = LeftBehind::new(&what.log, what.temporary.as_deref());
    let mut queues = QueueSamples::default();
    let (mut due, mut files_due) = (clock.now(), clock.now());
    let ended = loop {
        let begun = clock.now();
        if begun >= due {
            let used = processor_time();
            let pids = what.family.members();
            resources.look(&pids, || clock.now());
            if begun >= files_due {
                if let Some(files) = &mut files {
                    files.look(&pids);
                }
                if output.is_none() {
                    queues.find(&pids);
                }
                files_due = begun + FILES_EVERY;
            }
            let took = processor_time().saturating_sub(used);
            due = begun + EVERY.max(took.saturating_mul(LEAST_PAUSE));
        }
        match orders.recv_timeout(TICK) {
            Ok(Order::Signalled(length)) => {
                output = Some(OutputLength::new(length));
                queues.find(&what.family.members());
                // It may close at once what it has.
                (due, files_due) = (clock.now(), clock.now());
            }
            Ok(Order::Finish(ended)) => break ended,
            Err(RecvTimeoutError::Disconnected) => return None,
            Err(RecvTimeoutError::Timeout) => {}
        }
        if let Some(output) = &mut output {
            output.look(&what.log, clock.now());
            queues.look(|| clock.now());
        }
    };
    let stack_traces = output.and_then(|mut output| {
        output.look(&what.log, clock.now());
        output.stack_traces(&what.log, ended.signalled)
    });
    // One that the rehearsal killed had no time to remove anything.
    let files = files.filter(|_| ended.by_itself);
    Some(Observed {
        stack_traces,
        truncated_line: truncated_line(&what.log).ok().flatten().as_deref().map(shortened),
        resources: resources.resources(ended.signalled, ended.exit),
        left_behind: files.map(|files| files.left()).unwrap_or_default(),
        accept_queues: queues.left(ended.signalled),
    })
}

/// Returns the processor time of this thread.
fn processor_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

/// The length of the output at the signal, and each greater length with the time when it was seen.
#[derive(Debug)]
struct OutputLength {
    at_signal: u64,
    seen: Vec<(At, u64)>,
}

impl OutputLength {
    fn new(at_signal: u64) -> Self {
        Self { at_signal, seen: Vec::new() }
    }

    fn look(&mut self, log: &Path, now: At) {
        let length = length(log);
        if length > self.seen.last().map_or(self.at_signal, |(_, last)| *last) {
            self.seen.push((now, length));
        }
    }

    fn stack_traces(&self, log: &Path, signalled: At) -> Option<StackTraces> {
        let (count, first) = stack_traces(log, self.at_signal).ok()??;
        let (at, _) = self.seen.iter().find(|(_, length)| *length > first.offset)?;
        Some(StackTraces {
            count,
            after_ms: at.ms_from(signalled).max(0.0),
            first_line: shortened(&first.first_line),
            error_line: first.error_line.as_deref().map(shortened),
        })
    }
}

fn length(log: &Path) -> u64 {
    fs::metadata(log).map_or(0, |file| file.len())
}

/// The longest line that a note shows.
const SHOWN: usize = 160;

/// Returns the beginning of `line`, without control characters.
fn shortened(line: &str) -> String {
    let mut text: String = line.chars().filter(|one| !one.is_control()).take(SHOWN).collect();
    if line.chars().count() > SHOWN {
        text.push('…');
    }
    text
}
