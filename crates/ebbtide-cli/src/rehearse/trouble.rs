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
pub(crate) enum NotRehearsed {
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
    #[error("the service was not ready within {} ({seen})", words::limit(*.limit))]
    NeverReady {
        /// The limit.
        limit: Duration,
        /// What the readiness address said last.
        seen: String,
        /// What the service printed last.
        tail: Vec<String>,
    },
    /// It ended by itself.
    #[error("the service ended {when} ({ended})")]
    EndedEarly {
        /// Before what.
        when: &'static str,
        /// How.
        ended: Ended,
        /// What it printed last.
        tail: Vec<String>,
    },
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
    pub(crate) fn tail(&self) -> &[String] {
        match self {
            Self::NeverReady { tail, .. } | Self::EndedEarly { tail, .. } => tail,
            _ => &[],
        }
    }

    /// What to do about it.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::PortTaken(_) => "stop what listens there, or let the service listen on another port",
            Self::NeverReady { .. } => {
                "is --ready the address on which the service listens? --ready-timeout gives it more time"
            }
            Self::Start(StartError::Exec { .. }) => {
                "the command after `--` is executed directly, without a shell; write `-- sh -c '…'` for one"
            }
            Self::Database(_) => "--database-url takes postgres://user@host:port/database, without TLS",
            _ => return None,
        })
    }
}
