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
    /// Nothing failed, and too little was seen to pass.
    Inconclusive,
    /// Ended by this signal.
    Interrupted(i32),
}

/// The table of exit codes for `--help`.
pub(crate) const TABLE: &str = "\
Exit codes:
  0      every check passed
  1      the service failed a check, or with --strict: inconclusive
  2      wrong usage, or an option whose feature this build does not have
  3      the service could not be rehearsed: it did not start, never got ready,
         its port was taken, it ended before the signal, or it did not work
         before the signal either
  4      inconclusive: no check failed, and too little was seen to pass
  128+n  ended by signal n (130: Ctrl-C); the service was ended too";

impl From<Ending> for ExitCode {
    fn from(ending: Ending) -> Self {
        Self::from(match ending {
            Ending::Passed => 0,
            Ending::Failed => 1,
            Ending::Usage => 2,
            Ending::NotRehearsed => 3,
            Ending::Inconclusive => 4,
            Ending::Interrupted(signal) => u8::try_from(signal).unwrap_or_default().saturating_add(128),
        })
    }
}
