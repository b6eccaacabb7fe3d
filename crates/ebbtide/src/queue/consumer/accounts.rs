use std::sync::Arc;

use super::books::Books;

/// Closes the books when the loop is over, or is dropped before: whatever is held then is unsettled (invariant Q1).
pub(super) struct Accounts<R: Clone> {
    name: Arc<str>,
    books: Arc<Books<R>>,
}

impl<R: Clone> Accounts<R> {
    pub(super) fn new(name: Arc<str>, books: Arc<Books<R>>) -> Self {
        Self { name, books }
    }
}

impl<R: Clone> Drop for Accounts<R> {
    fn drop(&mut self) {
        for job in self.books.give_up() {
            crate::runtime::log_error!(
                consumer = &*self.name,
                job = &*job,
                "not settled: the queue did not answer in time; the job is delivered again when its lease runs out"
            );
        }
    }
}
