//! Does the process handle the stop signal at all?

use crate::rehearse::record::{Ended, Record};
use crate::rehearse::verdict::{Check, CheckId, Finding, Terms};

pub(super) fn check(record: &Record, terms: &Terms) -> Check {
    let found = |finding, evidence: String| Check::new(CheckId::SignalHandled, finding, evidence);
    let name = terms.signal.name();
    let Some(state) = record.signal_state else {
        return found(Finding::Inconclusive, "/proc/PID/status could not be read".into());
    };
    if state.caught {
        found(Finding::Pass, format!("a handler for {name} was installed before the load began"))
    } else if state.blocked {
        found(Finding::Pass, format!("{name} was blocked before the load began, as for signalfd or sigwait"))
    } else if state.ignored {
        found(Finding::Fail, format!("the process ignores {name}: it can only be ended by SIGKILL"))
    } else if state.pid_one {
        found(
            Finding::Fail,
            format!("no handler for {name}, and the process is PID 1, where the default action does nothing"),
        )
    } else if terms.expected.0 == Ended::Signal(terms.signal.number()) {
        found(
            Finding::Pass,
            format!("no handler for {name}: its default action ends the process, as expected"),
        )
    } else {
        found(
            Finding::Fail,
            format!(
                "no handler for {name}: its default action ends the process at once; if this is a wrapper, let it \
                 `exec` the service"
            ),
        )
    }
}
