use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::mpsc;

use super::books::Books;
use super::rejected::Rejected;

/// Sends jobs to a worker pool. Cheap to clone.
pub struct Pool<T> {
    sender: mpsc::Sender<T>,
    books: Arc<Books>,
}

impl<T> Pool<T> {
    pub(super) fn new(sender: mpsc::Sender<T>, books: Arc<Books>) -> Self {
        Self { sender, books }
    }

    /// Sends a job; waits while the queue is full.
    ///
    /// # Errors
    ///
    /// When the pool has stopped; the job comes back.
    ///
    /// # Cancel safety
    ///
    /// When it is dropped before it is done, the job is dropped with it and was not sent.
    pub async fn send(&self, job: T) -> Result<(), Rejected<T>> {
        match self.sender.reserve().await {
            Ok(place) => {
                // Counted before a worker can see it, so that the count never goes below zero.
                self.books.queued.fetch_add(1, Ordering::SeqCst);
                place.send(job);
                Ok(())
            }
            Err(_) => Err(Rejected::Stopped(job)),
        }
    }

    /// Sends a job if there is room.
    ///
    /// # Errors
    ///
    /// When the queue is full or the pool has stopped; the job comes back.
    pub fn try_send(&self, job: T) -> Result<(), Rejected<T>> {
        match self.sender.try_reserve() {
            Ok(place) => {
                self.books.queued.fetch_add(1, Ordering::SeqCst);
                place.send(job);
                Ok(())
            }
            Err(mpsc::error::TrySendError::Full(())) => Err(Rejected::Full(job)),
            Err(mpsc::error::TrySendError::Closed(())) => Err(Rejected::Stopped(job)),
        }
    }

    /// Returns how many jobs wait in the queue.
    pub fn queued(&self) -> u64 {
        self.books.queued.load(Ordering::SeqCst)
    }
}

impl<T> Clone for Pool<T> {
    fn clone(&self) -> Self {
        Self { sender: self.sender.clone(), books: Arc::clone(&self.books) }
    }
}

impl<T> fmt::Debug for Pool<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("books", &self.books).finish_non_exhaustive()
    }
}
