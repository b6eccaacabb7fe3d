//! The output of the command: destinations of reports, the verdict in every format, and progress. It depends on verdicts; verdicts do
//! not depend on it.

mod comparison;
mod destination;
mod format;
mod github;
mod html;
mod json;
mod judgement;
mod junit;
mod markdown;
mod nearest;
mod paint;
mod stderr;
mod table;
mod text;
mod whole_file;
mod xml;

pub(crate) use destination::{Destination, Format, UNWRITABLE, destinations, destinations_beside, write_all};
pub(crate) use format::VerdictFormat;
pub(crate) use html::Gallery;
pub(crate) use judgement::Judgement;
#[cfg(test)]
pub(crate) use junit::complaint as junit_complaint;
pub(crate) use junit::write_junit;
pub(crate) use nearest::nearest;
pub(crate) use paint::{BOLD, DIM, FAIL, PASS, WARN};
pub(crate) use stderr::{Progress, complain, not_rehearsed, note, say};
pub(crate) use whole_file::WholeFile;
pub(crate) use xml::permitted;
