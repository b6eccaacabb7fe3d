//! The ways in which a process ends without unwinding. Nothing else in the crate ends it.

use std::io::IsTerminal as _;

/// Ends the process at once: no destructors, no exit handlers, which may hang as well.
#[expect(unsafe_code, reason = "std::process::exit runs exit handlers, and those may be what hangs")]
pub(crate) fn now(code: u8) -> ! {
    // SAFETY: `_exit` has no preconditions; it doesn't return and touches no memory of ours.
    unsafe { libc::_exit(i32::from(code)) }
}

/// Ends the process by a signal's default action, so that the parent sees the signal; as PID 1, where the kernel ignores
/// default actions, with 128+n.
pub(crate) fn by_signal(number: i32) -> ! {
    if std::process::id() != 1 {
        // Returns for a number that the kernel doesn't know; what follows ends the process then as well.
        super::signals::raise_by_default(number);
    }
    now(crate::model::Exit::Signalled(number).code())
}

/// Does what a signal would have done without us. Handlers of the program have run already.
pub(crate) fn deliver(number: i32) {
    if super::signals::is_default(number) {
        super::signals::raise(number);
    }
}

/// Writes to standard error without the lock of [`std::io::Stderr`], which a stuck thread may hold.
pub fn last_word(line: &str) {
    let mut rest = line.as_bytes();
    while !rest.is_empty() {
        match rustix::io::write(rustix::stdio::stderr(), rest) {
            Ok(written) => rest = &rest[written..],
            Err(rustix::io::Errno::INTR) => {}
            // A closed standard error must not keep the process.
            Err(_) => return,
        }
    }
}

/// Tells whether somebody sits at a terminal in front of us.
pub(crate) fn at_a_terminal() -> bool {
    std::io::stdin().is_terminal()
}
