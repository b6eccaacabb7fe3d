#![expect(clippy::panic, reason = "a broken harness fails its test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::time::SystemTime;

/// A file to which workers append what they do, one line in one write: it survives them, however they end.
#[derive(Debug)]
pub struct Journal {
    file: File,
}

/// What a worker did with a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// It began to work at it.
    Begun,
    /// The work was done; the queue has not been told yet.
    Done,
    /// The queue has said that it is acknowledged.
    Acknowledged,
}

impl What {
    /// All, with their words in the file.
    const ALL: [(Self, &'static str); 3] =
        [(Self::Begun, "begun"), (Self::Done, "done"), (Self::Acknowledged, "acknowledged")];
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What happened.
    pub what: What,
    /// To which job, by what the producer sent.
    pub job: String,
    /// In which process.
    pub pid: u32,
    /// When, in milliseconds since 1970.
    pub at: u128,
}

impl Journal {
    /// Opens the file, and makes it if it is missing.
    ///
    /// # Errors
    ///
    /// When it cannot be written to.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { file: OpenOptions::new().create(true).append(true).open(path)? })
    }

    /// Appends a line. Lines of several processes don't mix.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn note(&self, what: What, job: &str) -> io::Result<()> {
        let what = What::ALL.iter().find(|(one, _)| *one == what).map_or("", |(_, word)| word);
        let line = format!("{what} {job} {} {}\n", std::process::id(), wall_clock());
        (&self.file).write_all(line.as_bytes())
    }

    /// Reads all that was written.
    ///
    /// # Panics
    ///
    /// When the file is missing or something else is in it.
    pub fn read(path: &Path) -> Vec<Entry> {
        let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("no journal: {error}"));
        // A line may be read while it is written.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole
            .lines()
            .map(|line| entry(line).unwrap_or_else(|| panic!("no line of a journal: {line}")))
            .collect()
    }

    /// Returns the jobs that were begun, and how often.
    pub fn begun(entries: &[Entry]) -> BTreeMap<String, u32> {
        Self::often(entries, What::Begun)
    }

    /// Returns the jobs that were done, and how often.
    pub fn done(entries: &[Entry]) -> BTreeMap<String, u32> {
        Self::often(entries, What::Done)
    }

    /// Returns the jobs that a process had begun and not done: what it held.
    pub fn held(entries: &[Entry], pid: u32) -> BTreeSet<String> {
        &Self::of(entries, pid, What::Begun) - &Self::of(entries, pid, What::Done)
    }

    /// Returns the jobs that a process had begun and of which it did not know that they are acknowledged.
    pub fn unacknowledged(entries: &[Entry], pid: u32) -> BTreeSet<String> {
        &Self::of(entries, pid, What::Begun) - &Self::of(entries, pid, What::Acknowledged)
    }

    /// Returns the jobs that something happened to in a process.
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

/// Returns the wall clock, in milliseconds since 1970: the workers are several processes.
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
