//! A clock that the test advances, for servers and clients on real sockets.

use std::time::Duration;

use super::support::LONG;

/// Runs all ready tasks, and those that they wake, on a runtime with one thread.
///
/// Use this to assert that something does not happen. It can miss an event that the kernel delays. Await what must happen.
pub(crate) async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

/// The paused clock of a runtime with one thread. Timers fire only when [`advance`](Self::advance) reaches them, however long
/// the test takes. Sockets work as usual. What the kernel measures (how long a TCP connection has been quiet) is real time.
pub(crate) struct PausedClock {
    released: Option<std::sync::mpsc::Sender<()>>,
    /// Tokio does not advance a paused clock by itself while a blocking task runs. This task ends after `LONG`, so that a
    /// test that waits for an event that never comes fails by its timeout.
    holding: tokio::task::JoinHandle<()>,
}

impl PausedClock {
    /// Tokio's timers fire up to a millisecond late.
    const TICK: Duration = Duration::from_millis(1);

    pub(crate) fn new() -> Self {
        tokio::time::pause();
        let (released, release) = std::sync::mpsc::channel::<()>();
        let holding = tokio::task::spawn_blocking(move || {
            let _ = release.recv_timeout(LONG);
        });
        Self { released: Some(released), holding }
    }

    pub(crate) async fn advance(&self, by: Duration) {
        settle().await; // starts the timers of the ready tasks
        tokio::time::advance(by).await;
        settle().await;
    }

    /// Advances to just before a timer fires that was started now with this duration.
    pub(crate) async fn advance_to_before(&self, timer: Duration) {
        self.advance(timer - Self::TICK).await;
    }

    /// Advances from there until that timer has fired.
    pub(crate) async fn advance_past(&self) {
        self.advance(2 * Self::TICK).await;
    }

    /// Resumes real time.
    pub(crate) fn resume(self) {
        tokio::time::resume();
    }
}

impl Drop for PausedClock {
    fn drop(&mut self) {
        let in_time = !self.holding.is_finished();
        self.released = None;
        assert!(
            in_time || std::thread::panicking(),
            "the test waited for a timer that it did not advance to"
        );
    }
}
