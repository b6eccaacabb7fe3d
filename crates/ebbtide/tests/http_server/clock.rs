//! A clock that the test advances, for servers and clients that talk over real sockets.

use std::time::Duration;

use super::support::LONG;

/// Lets every task run that is ready, and what it wakes, on a runtime with one thread.
///
/// For what must not happen: it can miss an event that the kernel delays, and then proves nothing. What must happen is awaited.
pub(crate) async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

/// The paused clock of a runtime with one thread: timers fire only when [`advance`](Self::advance) reaches them, however long the
/// test takes. Sockets work as usual, and what the kernel measures (how long a TCP connection has been quiet) is real time.
pub(crate) struct PausedClock {
    released: Option<std::sync::mpsc::Sender<()>>,
    /// Tokio does not advance a paused clock by itself while a blocking task runs. This one ends after `LONG`, so that a test
    /// that waits for what never happens fails by a timeout of its own.
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
        settle().await; // so that the timers start that are due to
        tokio::time::advance(by).await;
        settle().await;
    }

    /// Advances to the last moment before a timer that was started just now with this duration.
    pub(crate) async fn advance_to_before(&self, timer: Duration) {
        self.advance(timer - Self::TICK).await;
    }

    /// Advances from there to the moment at which that timer has fired.
    pub(crate) async fn advance_past(&self) {
        self.advance(2 * Self::TICK).await;
    }

    /// Lets time pass as usual again.
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
