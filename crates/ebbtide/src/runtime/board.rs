use std::sync::Arc;
use std::time::Instant;

use tokio::sync::watch;

use super::clock;
use crate::model::CheckStatus;

/// How every check of a lifecycle stands. Clones are the same board.
#[derive(Clone, Debug)]
pub(crate) struct Board {
    lines: Arc<watch::Sender<Vec<Line>>>,
}

/// One check's line. Lines are added and never removed, so that its number stays.
#[derive(Clone, Debug)]
struct Line {
    status: CheckStatus,
    /// When it took its present colour.
    since: Instant,
}

impl Board {
    pub(crate) fn new() -> Self {
        Self { lines: Arc::new(watch::Sender::new(Vec::new())) }
    }

    /// Tells whether no check keeps the service from being ready.
    pub(crate) fn is_green(&self) -> bool {
        self.red().is_empty()
    }

    /// Returns the names of the checks that keep the service from being ready.
    pub(crate) fn red(&self) -> Vec<String> {
        red(&self.lines.borrow())
    }

    /// Waits until [`red`](Self::red) names others.
    pub(crate) async fn changed_from(&self, named: &[String]) {
        let mut lines = self.lines.subscribe();
        // It cannot fail: the sender is ours.
        let _ = lines.wait_for(|lines| red(lines) != named).await;
    }

    /// Waits until [`is_green`](Self::is_green) says `green`.
    #[cfg(feature = "tower")]
    pub(crate) async fn turned(&self, green: bool) {
        let mut lines = self.lines.subscribe();
        // It cannot fail: the sender is ours.
        let _ = lines.wait_for(|lines| red(lines).is_empty() == green).await;
    }

    /// Returns how each check stands, in the order of registration.
    pub(crate) fn statuses(&self) -> Vec<CheckStatus> {
        let now = clock::now();
        let lines = self.lines.borrow();
        let aged = lines.iter().map(|line| {
            let mut status = line.status.clone();
            status.age = now.saturating_duration_since(line.since);
            status
        });
        aged.collect()
    }

    pub(crate) fn add(&self, status: CheckStatus) -> usize {
        let mut number = 0;
        self.lines.send_modify(|lines| {
            number = lines.len();
            lines.push(Line { status, since: clock::now() });
        });
        number
    }

    /// Writes a check's colour and its last error.
    pub(crate) fn note(&self, number: usize, passing: bool, error: Option<String>) {
        self.lines.send_modify(|lines| {
            if let Some(line) = lines.get_mut(number) {
                if line.status.passing != passing {
                    line.since = clock::now();
                }
                line.status.passing = passing;
                line.status.error = error;
            }
        });
    }
}

fn red(lines: &[Line]) -> Vec<String> {
    let red = lines.iter().filter(|line| line.status.required && !line.status.passing);
    red.map(|line| line.status.name.clone()).collect()
}
