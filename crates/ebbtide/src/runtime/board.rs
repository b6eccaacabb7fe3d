use std::sync::Arc;
use std::time::Instant;

use tokio::sync::watch;

use crate::model::CheckStatus;
use crate::util::clock;

/// The state of every health check of a lifecycle. Clones share one board.
#[derive(Clone, Debug)]
pub(crate) struct Board {
    entries: Arc<watch::Sender<Vec<CheckEntry>>>,
}

/// The entry of one check. Entries are added and never removed, so that their numbers stay valid.
#[derive(Clone, Debug)]
struct CheckEntry {
    status: CheckStatus,
    /// When the current state began.
    since: Instant,
}

impl Board {
    pub(crate) fn new() -> Self {
        Self { entries: Arc::new(watch::Sender::new(Vec::new())) }
    }

    /// Returns whether every check lets the service be ready.
    pub(crate) fn is_green(&self) -> bool {
        self.red().is_empty()
    }

    /// Returns the names of the checks that keep the service from being ready.
    pub(crate) fn red(&self) -> Vec<String> {
        red(&self.entries.borrow())
    }

    /// Waits until the result of [`red`](Self::red) changes.
    pub(crate) async fn changed_from(&self, named: &[String]) {
        let mut entries = self.entries.subscribe();
        // It cannot fail: `self` holds the sender.
        let _ = entries.wait_for(|entries| red(entries) != named).await;
    }

    /// Waits until [`is_green`](Self::is_green) equals `green`.
    #[cfg(feature = "tower")]
    pub(crate) async fn turned(&self, green: bool) {
        let mut entries = self.entries.subscribe();
        // It cannot fail: `self` holds the sender.
        let _ = entries.wait_for(|entries| red(entries).is_empty() == green).await;
    }

    /// Returns the state of each check, in the order of registration.
    pub(crate) fn statuses(&self) -> Vec<CheckStatus> {
        let now = clock::now();
        let entries = self.entries.borrow();
        let aged = entries.iter().map(|entry| {
            let mut status = entry.status.clone();
            status.age = now.saturating_duration_since(entry.since);
            status
        });
        aged.collect()
    }

    pub(crate) fn add(&self, status: CheckStatus) -> usize {
        let mut number = 0;
        self.entries.send_modify(|entries| {
            number = entries.len();
            entries.push(CheckEntry { status, since: clock::now() });
        });
        number
    }

    /// Records the state of a check and its last error.
    pub(crate) fn note(&self, number: usize, passing: bool, error: Option<String>) {
        self.entries.send_modify(|entries| {
            if let Some(entry) = entries.get_mut(number) {
                if entry.status.passing != passing {
                    entry.since = clock::now();
                }
                entry.status.passing = passing;
                entry.status.error = error;
            }
        });
    }
}

fn red(entries: &[CheckEntry]) -> Vec<String> {
    let red = entries.iter().filter(|entry| entry.status.required && !entry.status.passing);
    red.map(|entry| entry.status.name.clone()).collect()
}
