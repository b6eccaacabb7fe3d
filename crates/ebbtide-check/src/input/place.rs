use serde::Serialize;

/// Identifies a source of [`Sources`](super::Sources).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SourceId(pub(super) u32);

impl SourceId {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// A range of bytes in a source.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Place {
    /// The source.
    pub source: SourceId,
    start: u32,
    end: u32,
}

impl Place {
    /// Creates a place. An end before the start becomes the start.
    pub(crate) fn new(source: SourceId, start: usize, end: usize) -> Self {
        let short = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        Self { source, start: short(start), end: short(end.max(start)) }
    }

    /// Returns the offset of the first byte.
    pub fn start(self) -> usize {
        self.start as usize
    }

    /// Returns the offset after the last byte.
    pub fn end(self) -> usize {
        self.end as usize
    }

    /// Returns the place from the start of this one to the end of another in the same source.
    pub(crate) fn to(self, other: Self) -> Self {
        if self.source == other.source {
            Self { source: self.source, start: self.start.min(other.start), end: self.end.max(other.end) }
        } else {
            self
        }
    }
}

/// A line and a column, both from 1; the column counts characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}
