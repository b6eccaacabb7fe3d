//! Writes a verdict to its destinations, and returns its exit code.

use ebbtide_rehearse::Verdict;

use crate::exit::Ending;
use crate::output::{self, Destination, Judgement, VerdictFormat};

/// Writes `judgement` to every destination.
pub(crate) fn conclude(judgement: &Judgement<'_>, destinations: &[Destination<VerdictFormat>]) -> Ending {
    let is_written = output::write_all(destinations, judgement);
    let ending = match judgement.rehearsal.verdict {
        Verdict::Pass => Ending::Passed,
        Verdict::Inconclusive if !judgement.strict => Ending::Inconclusive,
        Verdict::Inconclusive | Verdict::Fail => Ending::Failed,
    };
    if is_written { ending } else { ending.with_unwritten() }
}
