//! Writes a record.

use std::io::{self, Write};

use serde::Serialize;

use super::lines::{EndLine, JudgedLine, Line, ProcessLine, RecordHeader, TermsLine, TrafficLine};
use crate::record::Record;
use crate::verdict::{Facts, Terms, Verdict};

/// Writes the record of a rehearsal, one JSON object per line, with times in microseconds since the run began.
#[derive(Debug)]
pub struct Recorder<W> {
    out: W,
    runs: u32,
}

impl<W: Write> Recorder<W> {
    /// Begins a record with its header.
    ///
    /// # Errors
    ///
    /// Writing failed.
    pub fn new(out: W, header: &RecordHeader) -> io::Result<Self> {
        let mut recorder = Self { out, runs: 0 };
        recorder.line(None, "record", header)?;
        Ok(recorder)
    }

    /// Writes the next run.
    ///
    /// # Errors
    ///
    /// Writing failed.
    pub fn write(
        &mut self,
        record: &Record,
        terms: &Terms,
        verdict: Verdict,
        facts: &Facts,
    ) -> io::Result<()> {
        self.runs = self.runs.saturating_add(1);
        let run = Some(self.runs);
        let Record { traffic, readiness, liveness, .. } = record;
        self.line(run, "terms", &TermsLine::from(terms))?;
        traffic.requests.iter().try_for_each(|request| self.line(run, "request", request))?;
        readiness.iter().try_for_each(|sample| self.line(run, "readiness", sample))?;
        liveness.iter().try_for_each(|sample| self.line(run, "liveness", sample))?;
        traffic.held.iter().try_for_each(|held| self.line(run, "held", held))?;
        self.line(run, "traffic", &TrafficLine::from(traffic))?;
        self.line(run, "process", &ProcessLine::from(record))?;
        let events = [traffic.requests.len(), readiness.len(), liveness.len(), traffic.held.len(), 2];
        let lines = events.into_iter().map(|count| count as u64).fold(0, u64::saturating_add);
        self.line(run, "judged", &JudgedLine { verdict, output_tail: facts.output_tail.clone(), lines })?;
        self.out.flush()
    }

    /// Ends the record with the verdict, and returns what it was written to. Without this line a record is incomplete.
    ///
    /// # Errors
    ///
    /// Writing failed.
    pub fn finish(mut self, verdict: Verdict) -> io::Result<W> {
        self.line(None, "end", &EndLine { verdict, runs: self.runs })?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn line(&mut self, run: Option<u32>, event: &'static str, what: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.out, &Line { run, event, what })?;
        self.out.write_all(b"\n")
    }
}
