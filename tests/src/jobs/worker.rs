#![expect(clippy::panic, reason = "a broken harness fails its test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::time::{Duration, SystemTime};

use rustix::process::Signal;
use serde_json::Value;

use super::Bed;
use crate::{Ended, Process, ReportFile, service};

/// How the service `worker` consumes its jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// With `Handle::consume`.
    Consume,
    /// With `Handle::consume`, without lease renewals.
    WithoutHeartbeat,
    /// With `Handle::consume`, with a queue that ignores requeues.
    WithoutRequeue,
    /// Manually: acknowledged on receipt.
    AckFirst,
    /// Manually: acknowledged when done, and dropped at the signal.
    DropAtSignal,
}

impl Manner {
    /// Every variant with its name on the command line.
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::Consume, "consume"),
        (Self::WithoutHeartbeat, "without-heartbeat"),
        (Self::WithoutRequeue, "without-hand-back"),
        (Self::AckFirst, "ack-first"),
        (Self::DropAtSignal, "drop-at-signal"),
    ];
}

/// A process that consumes a queue.
#[derive(Debug)]
pub struct Worker {
    /// The process.
    pub process: Process,
    report: ReportFile,
}

/// The settings of a worker.
#[derive(Clone, Debug)]
pub struct Wish {
    /// How it consumes its jobs.
    pub manner: Manner,
    /// The duration of a job.
    pub job: Duration,
    /// The number of concurrent jobs.
    pub concurrency: usize,
    /// Its grace period.
    pub grace: Duration,
    /// The broker's address, if it differs from the bed's.
    pub url: Option<String>,
}

impl Wish {
    /// Returns the default settings: twenty concurrent jobs of this duration.
    pub fn of(job: Duration) -> Self {
        Self { manner: Manner::Consume, job, concurrency: 20, grace: Duration::from_secs(15), url: None }
    }
}

impl Worker {
    /// Starts a worker and returns when it fetches jobs.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub fn start(bed: &Bed, wish: &Wish) -> Self {
        let worker = Self::launch(bed, wish);
        worker.process.says("phase=ready");
        worker
    }

    /// Starts a worker and returns at once.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub fn launch(bed: &Bed, wish: &Wish) -> Self {
        let report = ReportFile::new();
        let place = bed.place();
        let manner =
            Manner::ALL.iter().find(|(manner, _)| *manner == wish.manner).map_or("", |(_, name)| name);
        let mut command = service("worker");
        command.args(["--queue", place.kind.name(), "--name", &place.name]);
        command.args(["--url", wish.url.as_ref().unwrap_or(&place.url)]);
        command.arg("--lease").arg(place.lease.as_millis().to_string());
        command.arg("--journal").arg(bed.journal());
        command.arg("--job").arg(wish.job.as_millis().to_string());
        command.args(["--concurrency", &wish.concurrency.to_string(), "--manner", manner]);
        command.env("EBBTIDE_GRACE", format!("{}ms", wish.grace.as_millis()));
        command.env("EBBTIDE_REPORT", report.path());
        Self { process: Process::start(&mut command), report }
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        self.process.signal(Signal::TERM);
    }

    /// Sends SIGKILL and waits until the process has exited.
    ///
    /// # Panics
    ///
    /// When the process does not exit.
    pub fn kill(mut self) {
        self.process.signal(Signal::KILL);
        assert!(self.process.ended(Duration::from_secs(10)).is_some(), "worker has not exited after SIGKILL");
    }

    /// Waits until the worker has exited by itself.
    ///
    /// # Panics
    ///
    /// When it takes noticeably longer than its grace period.
    pub fn ended(&mut self, limit: Duration) -> Ended {
        let said = self.process.output();
        self.process
            .ended(limit)
            .unwrap_or_else(|| panic!("worker has not exited within {limit:?}; output:\n{said}"))
    }

    /// Returns the report of a component after the process has exited.
    ///
    /// # Panics
    ///
    /// When there is no report, or no such component.
    pub fn reported(&self, component: &str) -> Value {
        let text = std::fs::read(self.report.path()).unwrap_or_default();
        let report: Value = serde_json::from_slice(&text)
            .unwrap_or_else(|error| panic!("invalid or missing report: {error}"));
        let mut components = report["components"].as_array().into_iter().flatten();
        let found = components.find(|one| one["name"] == component).cloned();
        found.unwrap_or_else(|| panic!("component {component} not in the report: {report:#}"))
    }

    /// Returns the process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }
}

/// The placeholder for a path on the command line.
pub(super) fn text(path: &Path) -> String {
    path.display().to_string()
}

/// A file to which workers append their events, one line per write. It survives a killed worker.
#[derive(Debug)]
pub struct Journal {
    file: File,
}

/// An event of a job in a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The job began.
    Begun,
    /// The job finished and is not settled yet.
    Done,
    /// The queue has confirmed the acknowledgement.
    Acknowledged,
}

impl What {
    /// Every event with its name in the file.
    const ALL: [(Self, &'static str); 3] =
        [(Self::Begun, "begun"), (Self::Done, "done"), (Self::Acknowledged, "acknowledged")];
}

/// A line of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The event.
    pub what: What,
    /// The payload of the job.
    pub job: String,
    /// The id of the process.
    pub pid: u32,
    /// The time in milliseconds since 1970.
    pub at: u128,
}

impl Journal {
    /// Opens the file and creates it if it is missing.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened for writing.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { file: OpenOptions::new().create(true).append(true).open(path)? })
    }

    /// Appends a line. Lines of several processes are not interleaved.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn note(&self, what: What, job: &str) -> io::Result<()> {
        let what = What::ALL.iter().find(|(one, _)| *one == what).map_or("", |(_, word)| word);
        let line = format!("{what} {job} {} {}\n", std::process::id(), wall_clock());
        (&self.file).write_all(line.as_bytes())
    }

    /// Reads every line.
    ///
    /// # Panics
    ///
    /// When the file is missing or contains an invalid line.
    pub fn read(path: &Path) -> Vec<Entry> {
        let text = std::fs::read_to_string(path)
            .unwrap_or_else(|error| panic!("reading the journal failed: {error}"));
        // A line may be read while it is written.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole
            .lines()
            .map(|line| entry(line).unwrap_or_else(|| panic!("invalid journal line: {line}")))
            .collect()
    }

    /// Returns the jobs that began, each with the number of times.
    pub fn begun(entries: &[Entry]) -> BTreeMap<String, u32> {
        Self::often(entries, What::Begun)
    }

    /// Returns the jobs that finished, each with the number of times.
    pub fn done(entries: &[Entry]) -> BTreeMap<String, u32> {
        Self::often(entries, What::Done)
    }

    /// Returns the jobs that a process had begun and not finished: those in flight.
    pub fn held(entries: &[Entry], pid: u32) -> BTreeSet<String> {
        &Self::of(entries, pid, What::Begun) - &Self::of(entries, pid, What::Done)
    }

    /// Returns the jobs that a process had begun and whose acknowledgement was not confirmed to it.
    pub fn unacknowledged(entries: &[Entry], pid: u32) -> BTreeSet<String> {
        &Self::of(entries, pid, What::Begun) - &Self::of(entries, pid, What::Acknowledged)
    }

    /// Returns the jobs with this event in a process.
    pub fn of(entries: &[Entry], pid: u32, what: What) -> BTreeSet<String> {
        let found = entries.iter().filter(|entry| entry.pid == pid && entry.what == what);
        found.map(|entry| entry.job.clone()).collect()
    }

    fn often(entries: &[Entry], what: What) -> BTreeMap<String, u32> {
        let mut often = BTreeMap::new();
        for entry in entries.iter().filter(|entry| entry.what == what) {
            *often.entry(entry.job.clone()).or_default() += 1;
        }
        often
    }
}

/// Returns the wall clock in milliseconds since 1970, which the processes have in common.
#[expect(clippy::disallowed_methods, reason = "several processes have no other clock in common")]
pub fn wall_clock() -> u128 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_millis())
}

fn entry(line: &str) -> Option<Entry> {
    let mut words = line.split(' ');
    let word = words.next()?;
    let (what, _) = What::ALL.into_iter().find(|(_, known)| *known == word)?;
    let (job, pid, at) = (words.next()?.to_owned(), words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    Some(Entry { what, job, pid, at })
}
