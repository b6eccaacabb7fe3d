//! Did the process end on its own, without SIGKILL?

use crate::record::{Ended, Record};
use crate::verdict::{Check, CheckId, Finding};
use crate::words;

pub(super) fn check(record: &Record) -> Check {
    let found = |finding, evidence: String| Check::new(CheckId::NoKill, finding, evidence);
    match (record.killed, record.exit) {
        (Some(at), _) => found(
            Finding::Fail,
            format!(
                "SIGKILL was sent {} after the stop signal, as a platform does",
                words::time(at.since(record.signalled))
            ),
        ),
        (None, Some((_, Ended::Signal(9)))) => found(
            Finding::Fail,
            "ended by a SIGKILL that was not ours, as by the kernel's memory killer".into(),
        ),
        (None, _) => found(Finding::Pass, "it ended without SIGKILL".into()),
    }
}
