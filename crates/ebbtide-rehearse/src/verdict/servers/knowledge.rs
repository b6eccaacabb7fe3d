//! What is known of a server: its graceful stop signals, and what usually causes each symptom.

use super::{proxies, runtimes};
use crate::record::{Recognised, ServerKind};
use crate::scenario::StopSignal;

/// What a failed check showed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Symptom {
    /// The signal's default action ended the process.
    Unhandled,
    /// New connections were lost.
    NewConnections,
    /// Kept connections were lost, or the request that was half sent on one.
    KeptConnections,
    /// Requests that the program had begun to process were lost.
    InFlight,
    /// Such requests were lost a while after the signal.
    Overdue,
    /// Such requests were lost by the end of the process, a while after the signal.
    EndedInFlight,
    /// The process exited with code 0 at once, with what was in flight.
    ExitedAtOnce,
    /// The process exited with a code that means an error, with what was in flight.
    Failed,
    /// Requests were accepted and not answered in time.
    TimedOut,
    /// Responses had the status 502, 503 or 504.
    BadGateway,
    /// Responses had the status 503.
    Unavailable,
    /// Responses had the status 500.
    ServerError,
    /// The process did not exit in time.
    Late,
    /// The process ended by the stop signal, which is no expected exit.
    EndedBySignal,
    /// The process ended with an unexpected exit code, which is that of the stop signal.
    CodeOfSignal,
    /// Processes were left behind.
    Orphans,
}

/// What is known of a server.
#[derive(Debug)]
pub(super) struct Knowledge {
    /// Its name.
    pub(super) name: &'static str,
    /// The names of the signals that stop it gracefully, the usual one first; empty: any that it handles.
    pub(super) graceful: &'static [&'static str],
    /// What another signal does.
    pub(super) otherwise: &'static str,
    /// Causes, the most specific first.
    pub(super) causes: &'static [Cause],
}

/// What usually causes a symptom.
#[derive(Debug)]
pub(super) struct Cause {
    pub(super) symptoms: &'static [Symptom],
    /// A clause.
    pub(super) cause: &'static str,
    /// What to change, as a clause.
    pub(super) remedy: &'static str,
}

impl Symptom {
    /// Returns whether it is one of the first process's end.
    pub(super) fn is_of_the_end(self) -> bool {
        use Symptom::{CodeOfSignal, EndedBySignal, EndedInFlight, ExitedAtOnce, Failed, Unhandled};
        matches!(self, Unhandled | EndedBySignal | CodeOfSignal | ExitedAtOnce | EndedInFlight | Failed)
    }
}

impl Knowledge {
    /// Returns what usually causes `symptom`.
    pub(super) fn cause(&self, symptom: Symptom) -> Option<&'static Cause> {
        self.causes.iter().find(|cause| cause.symptoms.contains(&symptom))
    }
}

/// Returns what is known of `server`.
pub(super) fn knowledge(server: ServerKind) -> &'static Knowledge {
    match server {
        ServerKind::Shell => &proxies::SHELL,
        ServerKind::Npm => &proxies::NPM,
        ServerKind::Nginx => &proxies::NGINX,
        ServerKind::Haproxy => &proxies::HAPROXY,
        ServerKind::Apache => &proxies::APACHE,
        ServerKind::Caddy => &proxies::CADDY,
        ServerKind::PhpFpm => &proxies::PHP_FPM,
        ServerKind::Go => &runtimes::GO,
        ServerKind::Node => &runtimes::NODE,
        ServerKind::Express => &runtimes::EXPRESS,
        ServerKind::Fastify => &runtimes::FASTIFY,
        ServerKind::Uvicorn => &runtimes::UVICORN,
        ServerKind::Gunicorn => &runtimes::GUNICORN,
        ServerKind::Hypercorn => &runtimes::HYPERCORN,
        ServerKind::Puma => &runtimes::PUMA,
        ServerKind::Spring => &runtimes::SPRING,
        ServerKind::Tomcat => &runtimes::TOMCAT,
        ServerKind::Kestrel => &runtimes::KESTREL,
    }
}

/// Returns the signal that stops `found` gracefully, if SIGTERM does not and the rehearsal can send it.
pub(crate) fn usual_stop(found: &Recognised) -> Option<StopSignal> {
    let graceful = knowledge(found.server).graceful;
    graceful.first().filter(|_| !graceful.contains(&"TERM")).and_then(|name| StopSignal::parse(name).ok())
}

/// Returns the servers that stop gracefully by a signal of their own, with its name, for the test of the command.
#[cfg(any(test, feature = "samples"))]
pub(in crate::verdict) fn graceful_signals() -> Vec<(&'static str, String)> {
    let known =
        [ServerKind::Nginx, ServerKind::Haproxy, ServerKind::Apache, ServerKind::PhpFpm].map(knowledge);
    known
        .into_iter()
        .flat_map(|known| known.graceful.iter().map(|name| (known.name, format!("SIG{name}"))))
        .collect()
}

/// The remedy for what only time in front of the signal prevents.
pub(super) const DELAY: &str =
    "put a delay in front of the signal: preStop `sleep`, or a deregistration delay";
