//! The demo: did its last log line reach the file?

use crate::record::Record;
use crate::verdict::{Check, CheckId, Finding};

/// What the demo's last line says.
const LAST: &str = "lifecycle exited";

pub(super) fn check(record: &Record) -> Check {
    let found = |finding, evidence: String| Check::new(CheckId::LastLogLine, finding, evidence);
    match record.store.as_ref().map(|store| &store.last_log_line) {
        None => found(Finding::Skipped, "only for the demo service".into()),
        Some(Ok(line)) if line.contains(LAST) => found(Finding::Pass, format!("the log ends with `{LAST}`")),
        Some(Ok(line)) => {
            let line: String = line.chars().take(120).collect();
            found(Finding::Fail, format!("the log does not end with `{LAST}` but with: {line}"))
        }
        Some(Err(why)) => found(Finding::Fail, why.clone()),
    }
}
