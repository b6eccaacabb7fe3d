use std::time::Duration;

use super::Manager;
#[cfg(feature = "metrics")]
use super::metrics::Metrics;
use super::spans::Spans;
use crate::model::{ComponentId, Effect, Phase};
use crate::runtime::{Board, Ledger};

/// Everybody who is told. The dispatcher shows them the books after each step, and before the flushers begin.
pub(crate) struct Observers {
    manager: Manager,
    spans: Spans,
    #[cfg(feature = "metrics")]
    metrics: Metrics,
    board: Board,
    seen: Option<Phase>,
    /// The checks that are red although the start-up is over; `None` before, and once the manager was told that all is ready.
    red: Option<Vec<String>>,
}

impl Observers {
    pub(crate) fn new(manager: Manager, board: Board) -> Self {
        Self {
            manager,
            spans: Spans::default(),
            #[cfg(feature = "metrics")]
            metrics: Metrics::default(),
            board,
            seen: None,
            red: None,
        }
    }

    /// Shows the books for the last time, where the dispatcher is blocked or gone, to those who can be shown them from any
    /// thread.
    pub(crate) fn last_look(ledger: &Ledger) {
        #[cfg(feature = "metrics")]
        super::metrics::record(ledger);
        #[cfg(not(feature = "metrics"))]
        let _ = ledger;
    }

    /// Shows them what is about to be done.
    pub(crate) fn see(&mut self, ledger: &Ledger, effect: &Effect) {
        self.spans.see(ledger, effect);
    }

    /// Tells them that a component has ended.
    pub(crate) fn ended(&mut self, ledger: &Ledger, id: ComponentId) {
        self.spans.ended(ledger, id);
    }

    /// Shows them the books.
    pub(crate) fn look(&mut self, ledger: &Ledger) {
        let (now, phase) = (ledger.now(), ledger.phase());
        #[cfg(feature = "metrics")]
        self.metrics.look(ledger, now);
        if self.seen == Some(phase) {
            self.look_at_checks(now);
            return;
        }
        let begins_stop = phase.is_stopping() && !self.seen.is_some_and(Phase::is_stopping);
        self.seen = Some(phase);
        self.red = None;
        let cause = ledger.cause().map_or_else(String::new, |cause| format!(" ({cause})"));
        match phase {
            _ if begins_stop => self.manager.stopping(&ledger.plan(), &format!("{phase}{cause}"), now),
            Phase::Ready => {
                self.red = Some(Vec::new());
                self.look_at_checks(now);
            }
            _ => self.manager.say(&format!("{phase}{cause}"), now),
        }
    }

    /// Waits until they are to be shown the books although nothing has come: the checks that keep the service from being ready
    /// are others.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped.
    pub(crate) async fn changed(&self) {
        match &self.red {
            Some(named) => self.board.changed_from(named).await,
            None => std::future::pending().await,
        }
    }

    /// The manager is told that the service is ready when no check is red, and until then what is.
    fn look_at_checks(&mut self, now: Duration) {
        let Some(named) = &self.red else { return };
        let red = self.board.red();
        if red.is_empty() {
            self.red = None;
            self.manager.ready(now);
        } else if red != *named {
            self.manager.say(&format!("not ready: waiting for {}", red.join(", ")), now);
            self.red = Some(red);
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
