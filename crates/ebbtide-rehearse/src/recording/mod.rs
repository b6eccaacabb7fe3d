//! The record of a rehearsal as a file: JSON lines from a header with a version to the verdict. A record that is read back is judged
//! as the rehearsal was.

mod error;
mod lines;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

pub use error::{BadRecord, BadRecordKind};
pub use lines::{RECORD_VERSION, RecordHeader};
pub(crate) use reader::{RecordReader, RecordedRun};
pub use writer::Recorder;
