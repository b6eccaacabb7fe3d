//! Stop signals as the system calls take them.
#![expect(unsafe_code, reason = "a signal in real time has no safe form")]

use rustix::process::Signal;

use crate::scenario::StopSignal;

/// Returns `signal` in the form in which it is sent.
pub(crate) fn as_sent(signal: StopSignal) -> Signal {
    let number = signal.number();
    Signal::from_named_raw(number).unwrap_or_else(|| {
        // SAFETY: a stop signal without a name is one in real time. It is sent to other processes and has no disposition here, so that
        // one which the C library reserves for itself is harmless.
        unsafe { Signal::from_raw_unchecked(number) }
    })
}
