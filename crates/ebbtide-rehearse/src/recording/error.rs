//! Why a file is not a record that can be judged.

use std::error::Error;
use std::{fmt, io};

use super::RECORD_VERSION;

/// Why a record cannot be judged, and where.
#[derive(Debug)]
pub struct BadRecord {
    /// The number of the line, from 1.
    pub line: u64,
    /// The column in bytes, from 1, if it is known.
    pub column: Option<usize>,
    /// The reason.
    pub kind: BadRecordKind,
}

impl fmt::Display for BadRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl Error for BadRecord {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.kind.source()
    }
}

/// The reason why a record cannot be judged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BadRecordKind {
    /// The file cannot be read.
    #[error("reading failed")]
    Read(#[source] io::Error),
    /// It has no line.
    #[error("the record is empty")]
    Empty,
    /// The first line is not a header.
    #[error("not a record of a rehearsal: the first line is not a header")]
    NoHeader,
    /// It was written by a version with another format.
    #[error("unsupported version {0} of the record: this build reads {RECORD_VERSION}")]
    Version(u32),
    /// Its end is missing, because the rehearsal was interrupted or the file is truncated. The missing lines could hide a loss.
    #[error("the record ends before its verdict")]
    Truncated,
    /// A line is not what its event says.
    #[error("invalid {what}: {why}")]
    Line {
        /// The event, or `line`.
        what: String,
        /// What the parser says.
        why: String,
    },
    /// An event that does not exist, or not at this place.
    #[error("unexpected event `{0}`")]
    Unexpected(String),
    /// An event that a run requires.
    #[error("run {run} has no event `{event}`")]
    Missing {
        /// The number of the run.
        run: u32,
        /// The event.
        event: &'static str,
    },
    /// The line of another run, or too few runs.
    #[error("run {found} where run {expected} was expected")]
    Run {
        /// The number on the line; zero for none.
        found: u32,
        /// The number of the current run.
        expected: u32,
    },
    /// Lines of a run are missing or repeated.
    #[error("run {run} has {found} lines and counts {expected}")]
    Count {
        /// The number of the run.
        run: u32,
        /// The number of lines in the file.
        found: u64,
        /// The number of lines that were written.
        expected: u64,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_form;

    #[test]
    fn error_texts_have_the_form() {
        error_form::walk! {
            BadRecordKind::Read(_) => BadRecordKind::Read(io::Error::other("is a directory"));
            BadRecordKind::Empty => BadRecordKind::Empty;
            BadRecordKind::NoHeader => BadRecordKind::NoHeader;
            BadRecordKind::Version(_) => BadRecordKind::Version(7);
            BadRecordKind::Truncated => BadRecordKind::Truncated;
            BadRecordKind::Line { .. } => BadRecordKind::Line { what: "request".to_owned(), why: "EOF while parsing".to_owned() };
            BadRecordKind::Unexpected(_) => BadRecordKind::Unexpected("judged".to_owned());
            BadRecordKind::Missing { .. } => BadRecordKind::Missing { run: 1, event: "process" };
            BadRecordKind::Run { .. } => BadRecordKind::Run { found: 2, expected: 1 };
            BadRecordKind::Count { .. } => BadRecordKind::Count { run: 1, found: 9, expected: 10 };
        }
        let read = || BadRecordKind::Read(io::Error::other("is a directory"));
        error_form::walk! {
            BadRecord { .. } => BadRecord { line: 1, column: None, kind: read() };
        }
    }
}
