//! Why a service could not be rehearsed.

use std::io;
use std::time::Duration;

use thiserror::Error;

use super::child::StartError;
use super::probe::DatabaseTrouble;
use super::record::Ended;
use crate::words;

/// The rehearsal did not come to a verdict.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NotRehearsed {
    /// The host has no address.
    #[error("cannot resolve `{0}`")]
    Resolve(String),
    /// Something else listens already.
    #[error("{0} is taken: something else listens there already")]
    PortTaken(String),
    /// No free port for the demo.
    #[error("no free port was found on 127.0.0.1")]
    NoFreePort,
    /// It did not start.
    #[error("the service did not start: {0}")]
    Start(#[from] StartError),
    /// It was started and never got ready.
    #[error("the service was not ready within {} ({seen}{})", words::limit(*.limit), listening(.listens))]
    NeverReady {
        /// The limit.
        limit: Duration,
        /// What the readiness address said last.
        seen: String,
        /// Where the service listened.
        listens: Vec<String>,
        /// What the service printed last.
        tail: Vec<String>,
    },
    /// It ended by itself.
    #[error("the service ended {when} ({ended}{})", left_behind(.left))]
    EndedEarly {
        /// Before what.
        when: &'static str,
        /// How.
        ended: Ended,
        /// Processes that it left running.
        left: Vec<String>,
        /// What it printed last.
        tail: Vec<String>,
    },
    /// No route to load.
    #[error("no route to load was found: {0}")]
    NoRoute(String),
    /// It did not work before the signal either.
    #[error("the service did not work before the signal: {0}")]
    Baseline(String),
    /// The database cannot be observed.
    #[error(transparent)]
    Database(#[from] DatabaseTrouble),
    /// The rehearsal itself cannot work here.
    #[error("the rehearsal itself failed: {0}")]
    Io(#[from] io::Error),
    /// Whoever started it wants it no more.
    #[error("the rehearsal was interrupted")]
    Interrupted,
    /// The load's thread panicked.
    #[error("the rehearsal itself failed: its load ended unexpectedly; please report this")]
    Load,
}

impl NotRehearsed {
    /// What the service printed last, when that helps.
    pub fn tail(&self) -> &[String] {
        match self {
            Self::NeverReady { tail, .. } | Self::EndedEarly { tail, .. } => tail,
            _ => &[],
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::PortTaken(_) => "stop what listens there, or let the service listen on another port",
            Self::EndedEarly { left, .. } if !left.is_empty() => {
                "a service that goes to the background cannot be watched: run it in the foreground"
            }
            Self::EndedEarly { ended: Ended::Code(0), .. } => {
                "its standard input is /dev/null: a program that reads it sees its end at once"
            }
            Self::NeverReady { seen, .. } if seen.contains("TLS") => {
                "let it serve plain HTTP for the rehearsal"
            }
            Self::NeverReady { .. } => {
                "is --ready the address on which the service listens? --ready-timeout gives it more time"
            }
            Self::Start(StartError::Exec { .. }) => {
                "the command after `--` is executed directly, without a shell; write `-- sh -c 'exec …'` for one"
            }
            Self::NoRoute(_) => "--url SHAPE=METHOD:PATH names a route, such as --url storm=/orders",
            Self::Baseline(_) => {
                "less load (--storm, --keepalive, --open) or another route (--url) gives a baseline to compare with"
            }
            Self::Database(_) => "--database-url takes postgres://user@host:port/database, without TLS",
            _ => return None,
        })
    }
}

/// Where a service listened that was not ready where it was expected.
fn listening(at: &[String]) -> String {
    if at.is_empty() {
        "; the service listens on no socket".into()
    } else {
        format!("; the service listens on {}", at.join(", "))
    }
}

fn left_behind(names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!("; it left running: {}", names.join(", ")) }
}
