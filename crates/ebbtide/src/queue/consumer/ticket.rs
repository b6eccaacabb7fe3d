use std::sync::Arc;

use super::books::Books;
use super::fate::Fate;
use crate::drain::Stop;

/// Who settles a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// The task of its own, in which it runs or in which it is handed back unbegun.
    Job,
    /// The loop, which hands it back before it is cut.
    Loop,
}

/// The duty to give a delivery its fate. Dropped, it leaves it unsettled: aborted, or panicked in the adapter.
#[must_use = "a delivery whose ticket is dropped is unsettled"]
pub(super) struct Ticket<R: Clone> {
    books: Arc<Books<R>>,
    key: u64,
    side: Side,
    stop: Stop,
}

impl<R: Clone> Ticket<R> {
    pub(super) fn new(books: Arc<Books<R>>, key: u64, side: Side, stop: Stop) -> Self {
        Self { books, key, side, stop }
    }

    /// Returns the job's token.
    pub(super) fn stop(&self) -> &Stop {
        &self.stop
    }

    /// Notes that the job has ended by itself; returns whether it is still this ticket that settles it.
    pub(super) fn ended(&self) -> bool {
        self.books.ended(self.key)
    }

    /// Returns the job's id and its receipt, unless it has its fate already.
    pub(super) fn receipt(&self) -> Option<(Arc<str>, R)> {
        self.books.receipt(self.key)
    }

    pub(super) fn end(self, fate: Fate) {
        self.books.end(self.key, self.side, fate);
    }
}

impl<R: Clone> Drop for Ticket<R> {
    fn drop(&mut self) {
        // Nothing is left to do where it has its fate.
        self.books.end(self.key, self.side, Fate::Unsettled);
    }
}
