use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::mpsc;

use super::crew::Queued;
use crate::lifecycle::books::Books;

/// A place in a pool's queue that is kept for one job. Made by [`Pool::reserve`](crate::lifecycle::Pool::reserve).
///
/// Dropped, it is free again. A pool that stops waits for the places that are kept, until its time is up.
#[must_use = "the place is free again when this is dropped"]
pub struct Place<'a, T> {
    place: mpsc::Permit<'a, Queued<T>>,
    books: &'a Arc<Books>,
    created: &'static Location<'static>,
}

impl<'a, T> Place<'a, T> {
    /// `created` is the place in the code that the report names for the job.
    pub(super) fn new(
        place: mpsc::Permit<'a, Queued<T>>,
        books: &'a Arc<Books>,
        created: &'static Location<'static>,
    ) -> Self {
        Self { place, books, created }
    }

    /// Sends the job; there is room for it.
    ///
    /// Where the pool's time was up before, the job is dropped and counted as cut.
    pub fn send(self, job: T) {
        // Counted before a worker can see it, so that the count never goes below zero.
        self.books.begun.fetch_add(1, Ordering::SeqCst);
        self.books.queued.fetch_add(1, Ordering::SeqCst);
        self.place.send(Queued { job, created: self.created });
        self.books.cut_what_came_too_late();
    }
}

impl<T> fmt::Debug for Place<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place").finish_non_exhaustive()
    }
}
