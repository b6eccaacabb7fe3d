//! The signals that interrupt a rehearsal.

use std::io;
use std::pin::pin;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;

/// The signals that interrupt a rehearsal.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    pub(super) fn catch() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for `work`, or for a signal, whose number is the error. Work that is `interrupted` stops the service and cleans up; a second
    /// signal skips that.
    pub(super) async fn or<T>(
        &mut self,
        work: impl Future<Output = T>,
        interrupted: &Notify,
    ) -> Result<T, i32> {
        let mut work = pin!(work);
        tokio::select! {
            done = &mut work => Ok(done),
            signal = self.next() => {
                interrupted.notify_one();
                tokio::select! {
                    _ = &mut work => {}
                    _ = self.next() => {}
                }
                Err(signal)
            }
        }
    }

    /// Waits for the next signal, and returns its number.
    async fn next(&mut self) -> i32 {
        tokio::select! {
            _ = self.interrupt.recv() => libc::SIGINT,
            _ = self.terminate.recv() => libc::SIGTERM,
            _ = self.hangup.recv() => libc::SIGHUP,
        }
    }
}
