//! Every event of every run, one JSON object on a line: which request was lost, and when, to the microsecond.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use ebbtide_rehearse::Record;
use serde::Serialize;

/// Writes records to a file.
#[derive(Debug)]
pub(crate) struct Recorder {
    out: BufWriter<File>,
}

#[derive(Serialize)]
struct Line<'a, T> {
    run: u32,
    event: &'static str,
    #[serde(flatten)]
    what: &'a T,
}

impl Recorder {
    /// Creates the file.
    ///
    /// # Errors
    ///
    /// It cannot be created.
    pub(crate) fn create(file: &Path) -> io::Result<Self> {
        Ok(Self { out: BufWriter::new(File::create(file)?) })
    }

    /// Writes the record of run `run`: a line for each request, each look at readiness, each connection that was held
    /// in a phase, and one for the process. Times are microseconds since the run began.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub(crate) fn write(&mut self, run: u32, record: &Record) -> io::Result<()> {
        for what in &record.traffic.requests {
            self.line(&Line { run, event: "request", what })?;
        }
        for what in &record.readiness {
            self.line(&Line { run, event: "readiness", what })?;
        }
        for what in &record.traffic.held {
            self.line(&Line { run, event: "held", what })?;
        }
        self.line(&Line { run, event: "process", what: &record.process() })?;
        self.out.flush()
    }

    fn line(&mut self, line: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.out, line)?;
        self.out.write_all(b"\n")
    }
}
