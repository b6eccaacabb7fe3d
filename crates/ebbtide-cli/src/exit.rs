//! The command's exit codes: a contract, documented in `--help`.

use std::process::ExitCode;

/// How the command ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ending {
    /// Every check passed.
    Passed,
    /// The service failed a check.
    Failed,
    /// Wrong usage, or a feature that is missing.
    Usage,
    /// The service could not be rehearsed.
    NotRehearsed,
    /// No check failed, but an output could not be written.
    Unwritten,
    /// No check failed, but too little was observed to pass.
    Inconclusive,
    /// Some files could not be checked.
    Incomplete,
    /// Ended by this signal.
    Interrupted(i32),
}

/// The table of exit codes for `--help`.
pub(crate) const TABLE: &str = "\
Exit codes:
  0      every check passed
  1      the service failed a check, or with --strict: inconclusive
  2      wrong usage, an option whose feature this build does not have, or a
         record that is not valid or not complete
  3      the service could not be rehearsed: it did not start, did not become
         ready, its port was in use, it ended before the signal, or it already
         failed before the signal; or no check failed, and an output could not
         be written
  4      inconclusive: no check failed, but too little was observed to pass
  128+n  ended by signal n (130: Ctrl-C); the service was stopped as well";

impl Ending {
    /// Returns the ending if an output could not be written as well: a failure stays one.
    pub(crate) fn with_unwritten(self) -> Self {
        match self {
            Self::Passed | Self::Inconclusive => Self::Unwritten,
            other => other,
        }
    }
}

impl From<Ending> for ExitCode {
    fn from(ending: Ending) -> Self {
        Self::from(match ending {
            Ending::Passed => 0,
            Ending::Failed => 1,
            Ending::Usage | Ending::Incomplete => 2,
            Ending::NotRehearsed | Ending::Unwritten => 3,
            Ending::Inconclusive => 4,
            Ending::Interrupted(signal) => u8::try_from(signal).unwrap_or_default().saturating_add(128),
        })
    }
}
