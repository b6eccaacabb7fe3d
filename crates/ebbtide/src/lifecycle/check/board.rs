use std::sync::Arc;
use std::time::Instant;

use tokio::sync::watch;

use crate::model::CheckStatus;
use crate::runtime::clock;

/// How every check of a lifecycle stands. Clones are the same board.
#[derive(Clone, Debug)]
pub(crate) struct Board {
    lines: Arc<watch::Sender<Vec<Line>>>,
}

/// One check's line. Lines are added and never removed, so that its number stays.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) status: CheckStatus,
    /// When it took its present colour.
    pub(super) since: Instant,
}

impl Board {
    pub(in crate::lifecycle) fn new() -> Self {
        Self { lines: Arc::new(watch::Sender::new(Vec::new())) }
    }

    /// Tells whether no check keeps the service from being ready.
    pub(crate) fn is_green(&self) -> bool {
        self.lines.borrow().iter().all(|line| line.status.passing || !line.status.required)
    }

    /// Waits until [`is_green`](Self::is_green) says `green`.
    #[cfg(feature = "tower")]
    pub(crate) async fn turned(&self, green: bool) {
        let mut lines = self.lines.subscribe();
        let is = |lines: &Vec<Line>| lines.iter().all(|line| line.status.passing || !line.status.required);
        // It cannot fail: the sender is ours.
        let _ = lines.wait_for(|lines| is(lines) == green).await;
    }

    /// Returns how each check stands, in the order of registration.
    pub(crate) fn statuses(&self) -> Vec<CheckStatus> {
        let now = clock::now();
        let lines = self.lines.borrow();
        let aged = lines.iter().map(|line| CheckStatus {
            age: now.saturating_duration_since(line.since),
            ..line.status.clone()
        });
        aged.collect()
    }

    pub(super) fn add(&self, status: CheckStatus) -> usize {
        let mut number = 0;
        self.lines.send_modify(|lines| {
            number = lines.len();
            lines.push(Line { status, since: clock::now() });
        });
        number
    }

    /// Writes a check's colour and its last error.
    pub(super) fn note(&self, number: usize, passing: bool, error: Option<String>) {
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
