//! Was the process gone within the grace period?

use crate::rehearse::record::Record;
use crate::rehearse::verdict::{Check, CheckId, Finding, Terms};
use crate::words;

pub(super) fn check(record: &Record, terms: &Terms) -> Check {
    let found = |finding, evidence: String| Check::new(CheckId::ExitInTime, finding, evidence);
    let grace = words::limit(terms.grace);
    let Some((at, _)) = record.exit else {
        return found(Finding::Fail, format!("still there after the grace period of {grace}"));
    };
    let took = at.since(record.signalled);
    if record.killed.is_some() || took > terms.grace {
        return found(Finding::Fail, format!("still there after the grace period of {grace}"));
    }
    found(Finding::Pass, format!("gone {} after the signal, of {grace}", words::time(took)))
}
