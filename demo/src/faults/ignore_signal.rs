use std::io;

/// Replaces the handlers of the stop signals, as a library that means well may do behind one's back.
#[expect(unsafe_code, reason = "a signal's disposition is set by libc calls only")]
pub(super) fn arm() -> io::Result<()> {
    for number in [libc::SIGTERM, libc::SIGINT] {
        // SAFETY: SIG_IGN installs no handler, so that no code of ours runs in a signal's context.
        if unsafe { libc::signal(number, libc::SIG_IGN) } == libc::SIG_ERR {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}
