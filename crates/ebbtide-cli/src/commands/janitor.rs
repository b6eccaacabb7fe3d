//! `ebbtide rehearse-janitor`, which a rehearsal starts for itself.

use crate::exit::Ending;

/// Clears up after a rehearsal that is killed.
pub(crate) fn run() -> Ending {
    ebbtide_rehearse::janitor();
    Ending::Passed
}
