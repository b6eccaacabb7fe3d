//! Ends the process without unwinding. No other module of the crate ends it.

use std::io::IsTerminal as _;

/// Ends the process immediately: without destructors and exit handlers, because those may hang as well.
#[expect(unsafe_code, reason = "std::process::exit runs exit handlers, and those may be what hangs")]
pub(crate) fn now(code: u8) -> ! {
    // SAFETY: `_exit` has no preconditions; it does not return and accesses no memory of this process.
    unsafe { libc::_exit(i32::from(code)) }
}

/// Ends the process by a signal's default action, so that the parent sees the signal. As PID 1, where the kernel ignores
/// default actions, exits with 128+n.
pub(crate) fn by_signal(number: i32) -> ! {
    if std::process::id() != 1 {
        // Returns for a number that the kernel does not know, too; then the code below ends the process.
        super::signals::raise_by_default(number);
    }
    now(crate::model::Exit::Signalled(number).code())
}

/// Does what a signal does without a handler of this crate. Handlers of the program have already run.
pub(crate) fn deliver(number: i32) {
    if super::signals::is_default(number) {
        super::signals::raise(number);
    }
}

/// Writes to standard error without the lock of [`std::io::Stderr`], which a stuck thread may hold.
pub fn write_stderr(line: &str) {
    let mut rest = line.as_bytes();
    while !rest.is_empty() {
        match rustix::io::write(rustix::stdio::stderr(), rest) {
            Ok(written) => rest = &rest[written..],
            Err(rustix::io::Errno::INTR) => {}
            // A closed standard error must not keep the process alive.
            Err(_) => return,
        }
    }
}

/// Returns whether standard input is a terminal.
pub(crate) fn at_a_terminal() -> bool {
    std::io::stdin().is_terminal()
}
