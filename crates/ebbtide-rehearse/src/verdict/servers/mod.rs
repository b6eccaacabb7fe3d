//! The likely cause of a failed check, and the usual remedy, for servers whose way to stop is known.
//!
//! `ebbtide-check` has the stop signals of official images, which is a part of this. It is not shared: neither crate uses the other, and a
//! crate of its own for four signals would be one more to release. A test of the command holds that both name the same signals.

mod advise;
mod knowledge;
mod proxies;
mod runtimes;

pub(super) use advise::advise;

use crate::record::Recognised;
use crate::scenario::StopSignal;

/// Returns the signal that stops `found` gracefully, if SIGTERM does not and the rehearsal can send it.
pub(crate) fn usual_stop(found: &Recognised) -> Option<StopSignal> {
    let graceful = knowledge::knowledge(found.server).graceful;
    graceful.first().filter(|_| !graceful.contains(&"TERM")).and_then(|name| StopSignal::parse(name))
}

/// Returns the servers that stop gracefully by a signal of their own, with its name, for the test of the command.
#[cfg(any(test, feature = "samples"))]
pub(super) fn graceful_signals() -> Vec<(&'static str, String)> {
    use crate::record::ServerKind::{Apache, Haproxy, Nginx, PhpFpm};
    let known = [Nginx, Haproxy, Apache, PhpFpm].map(knowledge::knowledge);
    known
        .into_iter()
        .flat_map(|known| known.graceful.iter().map(|name| (known.name, format!("SIG{name}"))))
        .collect()
}
