//! Reads a record, run by run.

use std::io::BufRead;

use serde::Deserialize;

use super::lines::{EndLine, JudgedLine, ProcessLine, Tag, TermsLine, TrafficLine};
use super::{BadRecord, BadRecordKind, RECORD_VERSION, RecordHeader};
use crate::record::Record;
use crate::verdict::{Terms, Verdict};

/// Reads a record, of which it holds one run at a time.
#[derive(Debug)]
pub(crate) struct RecordReader<R> {
    input: R,
    line: u64,
    buffer: Vec<u8>,
    header: RecordHeader,
    runs: u32,
    verdict: Option<Verdict>,
}

/// A run that was read back.
#[derive(Clone, Debug)]
pub(crate) struct RecordedRun {
    pub(crate) record: Record,
    pub(crate) terms: Terms,
    pub(crate) output_tail: Vec<String>,
}

impl<R: BufRead> RecordReader<R> {
    /// Reads the header.
    ///
    /// # Errors
    ///
    /// There is none, or it has another version.
    pub(crate) fn new(input: R) -> Result<Self, BadRecord> {
        let header = RecordHeader {
            version: 0,
            program: String::new(),
            command: String::new(),
            seed: 0,
            repeat: 0,
            strict: false,
        };
        let mut reader = Self { input, line: 0, buffer: Vec::new(), header, runs: 0, verdict: None };
        if !reader.advance()? {
            return Err(reader.bad(BadRecordKind::Empty));
        }
        // The other fields of another version may differ.
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let is_header = reader.tag().is_ok_and(|tag| tag.event == "record" && tag.run.is_none());
        let version = serde_json::from_slice(&reader.buffer).map(|Version { version }| version);
        match version {
            Ok(version) if is_header && version != RECORD_VERSION => {
                Err(reader.bad(BadRecordKind::Version(version)))
            }
            Ok(_) if is_header => {
                reader.header = reader.parse("record")?;
                Ok(reader)
            }
            _ => Err(reader.bad(BadRecordKind::NoHeader)),
        }
    }

    /// Returns the header.
    pub(crate) fn header(&self) -> &RecordHeader {
        &self.header
    }

    /// Returns the verdict of the rehearsal, once every run was read.
    pub(crate) fn verdict(&self) -> Option<Verdict> {
        self.verdict
    }

    /// Reads the next run; `None` after the last one.
    ///
    /// # Errors
    ///
    /// The record is not valid, or not complete.
    pub(crate) fn next_run(&mut self) -> Result<Option<RecordedRun>, BadRecord> {
        if self.verdict.is_some() {
            return Ok(None);
        }
        let tag = self.next_event()?;
        match (tag.run, &*tag.event) {
            (None, "end") => {
                let EndLine { verdict, runs } = self.parse("end")?;
                if runs != self.runs {
                    return Err(self.bad(BadRecordKind::Run { found: self.runs, expected: runs }));
                }
                if self.advance()? {
                    return Err(self.bad(BadRecordKind::Unexpected("after the verdict".to_owned())));
                }
                self.verdict = Some(verdict);
                Ok(None)
            }
            (_, "terms") => {
                self.runs = self.runs.saturating_add(1);
                self.is_of_this_run(tag.run)?;
                self.rest_of_run().map(Some)
            }
            (_, event) => Err(self.bad(BadRecordKind::Unexpected(event.to_owned()))),
        }
    }

    /// Reads a run after its first line, which is the current one.
    fn rest_of_run(&mut self) -> Result<RecordedRun, BadRecord> {
        let run = self.runs;
        let terms = self.parse::<TermsLine>("terms")?.terms().map_err(|signal| {
            self.bad(BadRecordKind::Line {
                what: "terms".to_owned(),
                why: format!("unknown signal {signal}"),
            })
        })?;
        let mut record = Record::default();
        let (mut lines, mut traffic, mut process) = (0_u64, None, None);
        loop {
            let tag = self.next_event()?;
            self.is_of_this_run(tag.run)?;
            match &*tag.event {
                "request" => record.traffic.requests.push(self.parse("request")?),
                "readiness" => record.readiness.push(self.parse("readiness")?),
                "liveness" => record.liveness.push(self.parse("liveness")?),
                "held" => record.traffic.held.push(self.parse("held")?),
                "traffic" => traffic = Some(self.parse::<TrafficLine>("traffic")?),
                "process" => process = Some(self.parse::<ProcessLine>("process")?),
                "judged" => {
                    let judged = self.parse::<JudgedLine>("judged")?;
                    if judged.lines != lines {
                        let (found, expected) = (lines, judged.lines);
                        return Err(self.bad(BadRecordKind::Count { run, found, expected }));
                    }
                    let missing = |event| BadRecordKind::Missing { run, event };
                    traffic.ok_or_else(|| self.bad(missing("traffic")))?.restore(&mut record.traffic);
                    process.ok_or_else(|| self.bad(missing("process")))?.restore(&mut record);
                    return Ok(RecordedRun { record, terms, output_tail: judged.output_tail });
                }
                event => return Err(self.bad(BadRecordKind::Unexpected(event.to_owned()))),
            }
            lines = lines.saturating_add(1);
        }
    }

    fn is_of_this_run(&self, found: Option<u32>) -> Result<(), BadRecord> {
        let (found, expected) = (found.unwrap_or_default(), self.runs);
        if found == expected { Ok(()) } else { Err(self.bad(BadRecordKind::Run { found, expected })) }
    }

    /// Reads the next line and returns its tag.
    fn next_event(&mut self) -> Result<OwnedTag, BadRecord> {
        if !self.advance()? {
            return Err(self.bad(BadRecordKind::Truncated));
        }
        self.tag().map(|Tag { run, event }| OwnedTag { run, event: event.to_owned() })
    }

    /// Reads the next line; returns whether there is one.
    fn advance(&mut self) -> Result<bool, BadRecord> {
        self.buffer.clear();
        self.line = self.line.saturating_add(1);
        match self.input.read_until(b'\n', &mut self.buffer) {
            Ok(length) => Ok(length > 0),
            Err(error) => Err(self.bad(BadRecordKind::Read(error))),
        }
    }

    fn tag(&self) -> Result<Tag<'_>, BadRecord> {
        self.deserialize("line")
    }

    fn parse<T: for<'a> Deserialize<'a>>(&self, what: &str) -> Result<T, BadRecord> {
        self.deserialize(what)
    }

    fn deserialize<'a, T: Deserialize<'a>>(&'a self, what: &str) -> Result<T, BadRecord> {
        serde_json::from_slice(&self.buffer).map_err(|error| {
            // Only the last line has no newline: it was not written completely.
            if error.is_eof() && !self.buffer.ends_with(b"\n") {
                return self.bad(BadRecordKind::Truncated);
            }
            let text = error.to_string();
            let why = text.rsplit_once(" at line ").map_or(text.as_str(), |(why, _)| why).to_owned();
            let kind = BadRecordKind::Line { what: what.to_owned(), why };
            BadRecord { column: Some(error.column().max(1)), ..self.bad(kind) }
        })
    }

    fn bad(&self, kind: BadRecordKind) -> BadRecord {
        BadRecord { line: self.line, column: None, kind }
    }
}

struct OwnedTag {
    run: Option<u32>,
    event: String,
}
