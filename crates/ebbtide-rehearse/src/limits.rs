//! Our own limit on open files.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises our limit on open files so that `sockets` clients fit, as far as the system lets us; returns the limit that
/// the service is to have, which is the one we were given.
pub(super) fn make_room(sockets: u64) -> Rlimit {
    let given = getrlimit(Resource::Nofile);
    let wanted = sockets.saturating_mul(2).saturating_add(256);
    let Some(current) = given.current else { return given };
    if current < wanted {
        let raised = given.maximum.map_or(wanted, |most| most.min(wanted)).max(current);
        // Not having it shows as trouble on our side, with the kernel's words, in the record.
        let _kept_as_it_was = setrlimit(Resource::Nofile, Rlimit { current: Some(raised), ..given });
    }
    given
}
