//! Was no process left?

use crate::record::Record;
use crate::verdict::{Check, CheckId, Finding};
use crate::words;

pub(super) fn check(record: &Record) -> Check {
    let found = |finding, evidence: String| Check::new(CheckId::NoOrphans, finding, evidence);
    if record.orphans.is_empty() {
        return found(Finding::Pass, "no process was left".into());
    }
    let named: Vec<String> =
        record.orphans.iter().take(5).map(|orphan| format!("{} ({})", orphan.name, orphan.pid)).collect();
    let count = words::plural(record.orphans.len() as u64, "process was", "processes were");
    found(Finding::Fail, format!("{count} left behind: {}", named.join(", ")))
}
