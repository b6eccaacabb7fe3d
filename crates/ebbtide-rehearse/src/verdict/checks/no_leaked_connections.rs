//! Was any database session still in use when the process went?

use crate::record::{Record, Session};
use crate::verdict::{Check, CheckId, Finding};
use crate::words;

pub(super) fn check(record: &Record) -> Check {
    let found = |finding, evidence: String| Check::new(CheckId::NoLeakedConnections, finding, evidence);
    let Some(seen) = &record.database else {
        return found(Finding::Skipped, "no --database-url was given".into());
    };
    if !seen.left.is_empty() {
        return found(Finding::Fail, format!("sessions left after the exit: {}", named(&seen.left)));
    }
    let Some((exit, _)) = record.exit else {
        return found(Finding::Inconclusive, "the process never ended".into());
    };
    let last = seen.last.as_ref().filter(|(at, _)| *at <= exit).map(|(_, left)| left.as_slice());
    let busy: Vec<Session> =
        last.unwrap_or_default().iter().filter(|session| session.state != "idle").cloned().collect();
    if !busy.is_empty() {
        return found(Finding::Fail, format!("in use when the process went: {}", named(&busy)));
    }
    if let Some(trouble) = &seen.trouble {
        return found(Finding::Inconclusive, trouble.clone());
    }
    if seen.most == 0 {
        return found(Finding::Inconclusive, "the service opened no session in this database".into());
    }
    let emptied = match seen.emptied {
        Some(at) => format!("all closed {} after the signal", words::time(at.since(record.signalled))),
        None => "none in use at the exit".into(),
    };
    found(
        Finding::Pass,
        format!(
            "{} at most before the signal, {emptied}",
            words::plural(seen.most as u64, "session", "sessions")
        ),
    )
}

fn named(sessions: &[Session]) -> String {
    let named = sessions.iter().take(5).map(|s| format!("backend {} ({}: {})", s.pid, s.state, s.query));
    named.collect::<Vec<_>>().join(", ")
}
