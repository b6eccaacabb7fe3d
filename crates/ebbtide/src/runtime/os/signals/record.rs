//! What a handler writes to a pipe, and what is read from it.

use std::time::Duration;

use super::Wake;

/// A signal's number, and the monotonic clock in nanoseconds. A write as short as this is atomic.
pub(super) type Record = [u8; 9];

/// No signal.
pub(super) const POKE: Record = [0; 9];

/// Runs in a signal handler: async-signal-safe.
pub(super) fn encode(number: u8) -> Record {
    // clock_gettime(2).
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(time.tv_nsec).unwrap_or(0);
    let mut record = POKE;
    record[0] = number;
    record[1..].copy_from_slice(&seconds.saturating_mul(1_000_000_000).saturating_add(nanos).to_ne_bytes());
    record
}

pub(super) fn decode([number, time @ ..]: Record) -> Wake {
    match number {
        0 => Wake::Poked,
        number => {
            Wake::Signal { number: i32::from(number), at: Duration::from_nanos(u64::from_ne_bytes(time)) }
        }
    }
}
