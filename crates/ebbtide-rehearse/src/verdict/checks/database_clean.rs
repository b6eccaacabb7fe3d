//! Does the database count an abandoned session?

use crate::record::Record;
use crate::verdict::{Check, CheckId, Finding};
use crate::words;

pub(super) fn check(record: &Record) -> Check {
    let found = |finding, evidence: String| Check::new(CheckId::DatabaseClean, finding, evidence);
    let Some(seen) = &record.database else {
        return found(Finding::Skipped, "no --database-url was given".into());
    };
    match seen.abandoned {
        Some(abandoned) if abandoned > 0 => {
            let abandoned = words::plural(abandoned.unsigned_abs(), "session was", "sessions were");
            found(Finding::Fail, format!("{abandoned} abandoned without a goodbye (sessions_abandoned)"))
        }
        _ if seen.trouble.is_some() => found(Finding::Inconclusive, seen.trouble.clone().unwrap_or_default()),
        None => found(
            Finding::Inconclusive,
            "this server has no sessions_abandoned (PostgreSQL 14 and later)".into(),
        ),
        Some(_) if seen.most == 0 => {
            found(Finding::Inconclusive, "the service opened no session in this database".into())
        }
        Some(_) => found(Finding::Pass, "sessions_abandoned did not grow".into()),
    }
}
