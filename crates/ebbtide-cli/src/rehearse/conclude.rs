//! Writes a verdict to its destinations, and returns its exit code.

use ebbtide_rehearse::Verdict;

use crate::exit::Ending;
use crate::output::{self, Destination, Judgement, VerdictFormat};

/// Writes `judgement` to every destination.
pub(crate) fn conclude(judgement: &Judgement<'_>, destinations: &[Destination<VerdictFormat>]) -> Ending {
    for destination in destinations {
        if let Err(error) = destination.write(judgement) {
            output::complain(&format!("cannot write {destination}: {error}"), None);
            return Ending::NotRehearsed;
        }
    }
    match judgement.rehearsal.verdict {
        Verdict::Pass => Ending::Passed,
        Verdict::Inconclusive if !judgement.strict => Ending::Inconclusive,
        Verdict::Inconclusive | Verdict::Fail => Ending::Failed,
    }
}
