use std::{fmt, io};

use super::BoxError;
use crate::model::Report;
use crate::runtime::chain;

/// Says why a server could not serve, or not to the end.
///
/// A failed `accept` is not among the reasons: the server waits and tries again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The listener could not be registered with the runtime.
    #[error("use the listener: run the server on a tokio runtime with I/O enabled")]
    Listener(#[source] io::Error),
    /// There was nothing to serve.
    #[error(
        "serve: no listener was given; bind one, or start the service with sockets if it takes inherited ones"
    )]
    NoListener,
    /// The stop cannot be planned: a budget that cannot work, or a variable that cannot be understood. Only
    /// [`serve`](super::serve()) says so.
    #[error("plan the stop")]
    Plan(#[source] BoxError),
    /// The watchdog thread could not be started. Only [`serve`](super::serve()) says so.
    #[error("start the watchdog thread")]
    Watchdog(#[source] io::Error),
    /// The server stopped, and cut what was not finished at its deadline. Only [`serve`](super::serve()) says so; it
    /// stands in the report.
    #[error("{}", Cut(.0))]
    Cut(Box<Report>),
}

/// For a `main` that returns [`io::Result`]. What was cut is told in words; look at [`ServeError::Cut`] for the report.
impl From<ServeError> for io::Error {
    fn from(error: ServeError) -> Self {
        match error {
            ServeError::Listener(source) => Self::new(source.kind(), ServeError::Listener(source)),
            ServeError::Watchdog(source) => Self::new(source.kind(), ServeError::Watchdog(source)),
            ServeError::Plan(source) => {
                Self::new(io::ErrorKind::InvalidInput, format!("plan the stop: {}", chain(&*source)))
            }
            // As text: whoever returns it from `main` gets its `Debug` on standard error.
            cut => Self::other(cut.to_string()),
        }
    }
}

struct Cut<'a>(&'a Report);

impl fmt::Display for Cut<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 8;
        let cut = self.0.totals().cancelled;
        write!(f, "{cut} in flight cut at the deadline")?;
        let held = self.0.troubled().flat_map(|component| &component.stragglers);
        for (n, straggler) in held.take(SHOWN).enumerate() {
            write!(f, "{} {}", if n == 0 { ":" } else { "," }, straggler.name)?;
        }
        Ok(())
    }
}
