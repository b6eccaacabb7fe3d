use std::time::Duration;

use super::Manager;
#[cfg(feature = "metrics")]
use super::metrics::Metrics;
use super::spans::Spans;
use crate::model::Phase;
use crate::runtime::Ledger;

/// Everybody who is told. The dispatcher shows them the books after each step, and before the flushers begin.
pub(crate) struct Observers {
    manager: Manager,
    spans: Spans,
    #[cfg(feature = "metrics")]
    metrics: Metrics,
    seen: Option<Phase>,
}

impl Observers {
    pub(crate) fn new(manager: Manager) -> Self {
        Self {
            manager,
            spans: Spans::default(),
            #[cfg(feature = "metrics")]
            metrics: Metrics::default(),
            seen: None,
        }
    }

    /// Shows them the books.
    pub(crate) fn look(&mut self, ledger: &Ledger) {
        let (now, phase) = (ledger.now(), ledger.phase());
        self.spans.look(ledger);
        #[cfg(feature = "metrics")]
        self.metrics.look(ledger, now);
        if self.seen == Some(phase) {
            return;
        }
        let begins_stop = phase.is_stopping() && !self.seen.is_some_and(Phase::is_stopping);
        self.seen = Some(phase);
        let cause = ledger.cause().map_or_else(String::new, |cause| format!(" ({cause})"));
        match phase {
            _ if begins_stop => self.manager.stopping(&ledger.plan(), &format!("{phase}{cause}"), now),
            Phase::Ready => self.manager.ready(now),
            _ => self.manager.say(&format!("{phase}{cause}"), now),
        }
    }

    /// Tells who is waited for.
    pub(crate) fn progress(&mut self, line: &str, now: Duration) {
        self.manager.say(line, now);
    }

    /// Returns when [`tick`](Self::tick) has something to do.
    pub(crate) fn due(&self) -> Option<Duration> {
        let due = self.manager.due();
        #[cfg(feature = "metrics")]
        let due = [due, self.metrics.due()].into_iter().flatten().min();
        due
    }

    /// Does what is due.
    pub(crate) fn tick(&mut self, ledger: &Ledger) {
        self.manager.tick(ledger.now());
        #[cfg(feature = "metrics")]
        self.metrics.look(ledger, ledger.now());
    }
}
