//! The pace of a client: its pauses, and how slowly it reads a body.

use std::time::Duration;

use tokio::time::sleep;

use crate::clock::{At, Clock, seconds};

/// Sleeps, unless `time` is zero: the timer's shortest sleep is one millisecond.
pub(super) async fn pause(time: Duration) {
    if !time.is_zero() {
        sleep(time).await;
    }
}

/// How long the body of a response is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReadPace(pub(super) Duration);

/// Bytes per second of a body whose length is not known.
const UNKNOWN: f64 = 1_048_576.0;

/// A body that is being read slowly.
#[derive(Debug)]
pub(super) struct SlowReading {
    clock: Clock,
    read: u64,
    /// Bytes per second.
    rate: f64,
}

impl ReadPace {
    /// Begins to read a body of `length` bytes.
    pub(super) fn begin(self, length: Option<u64>) -> SlowReading {
        let known = length.map(|length| length as f64 / self.0.as_secs_f64().max(0.001));
        SlowReading { clock: Clock::start(), read: 0, rate: known.unwrap_or(UNKNOWN).max(1.0) }
    }
}

impl SlowReading {
    /// Notes that `count` more bytes were read, and waits until the next ones are due.
    pub(super) async fn read(&mut self, count: u64) {
        self.read = self.read.saturating_add(count);
        let due = At::default() + seconds(self.read as f64 / self.rate);
        let early = due.since(self.clock.now());
        if !early.is_zero() {
            sleep(early).await;
        }
    }
}
