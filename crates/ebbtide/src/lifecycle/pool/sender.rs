use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;

use super::workers::QueuedJob;
use crate::lifecycle::counters::JobCounters;

/// Sends jobs to a worker pool. Cheap to clone.
pub struct Pool<T> {
    sender: mpsc::Sender<QueuedJob<T>>,
    counters: Arc<JobCounters>,
    workers: usize,
    /// The place of its registration.
    created: &'static Location<'static>,
}

/// A place in the queue of a pool, reserved for one job. Created by [`Pool::reserve`].
///
/// Dropping it releases the place. A pool that stops waits for reserved places until its deadline.
#[must_use = "dropping the reserved place releases it"]
pub struct Place<'a, T> {
    place: mpsc::Permit<'a, QueuedJob<T>>,
    counters: &'a Arc<JobCounters>,
    created: &'static Location<'static>,
}

/// A job that the pool did not accept, because it is full or stopping.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejected<T> {
    /// The queue is full. Wait with [`Pool::send`], or ask the client to retry.
    #[error("worker pool queue is full")]
    Full(T),
    /// The pool has stopped and does not run the job.
    #[error("worker pool has stopped")]
    Stopped(T),
}

impl<T> Pool<T> {
    pub(super) fn new(
        sender: mpsc::Sender<QueuedJob<T>>,
        counters: Arc<JobCounters>,
        workers: usize,
        created: &'static Location<'static>,
    ) -> Self {
        Self { sender, counters, workers, created }
    }

    /// Sends a job; waits while the queue is full.
    ///
    /// # Errors
    ///
    /// When the pool has stopped; the error contains the job.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it completes, the job is dropped and was not sent.
    pub async fn send(&self, job: T) -> Result<(), Rejected<T>> {
        match self.reserve().await {
            Ok(place) => {
                place.send(job);
                Ok(())
            }
            Err(_) => Err(Rejected::Stopped(job)),
        }
    }

    /// Sends a job; waits for `limit` while the queue is full.
    ///
    /// # Errors
    ///
    /// When the queue was full all that time or the pool has stopped; the error contains the job.
    ///
    /// # Cancel safety
    ///
    /// As for [`send`](Self::send).
    pub async fn send_within(&self, limit: Duration, job: T) -> Result<(), Rejected<T>> {
        match timeout(limit, self.reserve()).await {
            Ok(Ok(place)) => {
                place.send(job);
                Ok(())
            }
            Ok(Err(_)) => Err(Rejected::Stopped(job)),
            Err(_) => Err(Rejected::Full(job)),
        }
    }

    /// Sends a job if there is room.
    ///
    /// # Errors
    ///
    /// When the queue is full or the pool has stopped; the error contains the job.
    pub fn try_send(&self, job: T) -> Result<(), Rejected<T>> {
        match self.try_reserve() {
            Ok(place) => {
                place.send(job);
                Ok(())
            }
            Err(Rejected::Full(())) => Err(Rejected::Full(job)),
            Err(Rejected::Stopped(())) => Err(Rejected::Stopped(job)),
        }
    }

    /// Waits for a place in the queue and reserves it. For a producer that takes a message from elsewhere only if the pool can run
    /// it. A pool that stops waits for reserved places.
    ///
    /// # Errors
    ///
    /// When the pool has stopped.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future only loses its position among the waiting senders.
    pub async fn reserve(&self) -> Result<Place<'_, T>, Rejected<()>> {
        match self.sender.reserve().await {
            Ok(place) => Ok(Place::new(place, &self.counters, self.created)),
            Err(_) => Err(Rejected::Stopped(())),
        }
    }

    /// Reserves a place in the queue if one is free.
    ///
    /// # Errors
    ///
    /// When the queue is full or the pool has stopped.
    pub fn try_reserve(&self) -> Result<Place<'_, T>, Rejected<()>> {
        self.try_reserve_from(self.created)
    }

    /// Reserves a place as [`try_reserve`](Self::try_reserve) does, for a job that the report lists with another source
    /// location.
    pub(super) fn try_reserve_from(
        &self,
        created: &'static Location<'static>,
    ) -> Result<Place<'_, T>, Rejected<()>> {
        match self.sender.try_reserve() {
            Ok(place) => Ok(Place::new(place, &self.counters, created)),
            Err(mpsc::error::TrySendError::Full(())) => Err(Rejected::Full(())),
            Err(mpsc::error::TrySendError::Closed(())) => Err(Rejected::Stopped(())),
        }
    }

    /// Waits until the pool accepts no more jobs. For a producer that is not a component of the lifecycle and has no other stop
    /// condition.
    ///
    /// A component must not wait for it: the pool accepts jobs until all pools and tasks registered after it have ended. The
    /// component's token signals the shutdown.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn stopped(&self) {
        self.sender.closed().await;
    }

    /// Returns whether the pool accepts no more jobs.
    pub fn is_stopped(&self) -> bool {
        self.sender.is_closed()
    }

    /// Returns the number of queued jobs.
    pub fn queued(&self) -> u64 {
        self.counters.queued.load(Ordering::SeqCst)
    }

    /// Returns the number of running jobs.
    pub fn running(&self) -> u64 {
        self.counters.running.in_flight()
    }

    /// Returns the capacity of the queue.
    pub fn capacity(&self) -> usize {
        self.sender.max_capacity()
    }

    /// Returns the number of places in the queue that are neither taken nor reserved. Another producer may take them first: to
    /// be sure of one, [reserve](Self::try_reserve) it.
    pub fn free(&self) -> usize {
        self.sender.capacity()
    }

    /// Returns the maximum number of concurrent jobs.
    pub fn workers(&self) -> usize {
        self.workers
    }
}

impl<'a, T> Place<'a, T> {
    /// `created` is the source location that the report lists for the job.
    fn new(
        place: mpsc::Permit<'a, QueuedJob<T>>,
        counters: &'a Arc<JobCounters>,
        created: &'static Location<'static>,
    ) -> Self {
        Self { place, counters, created }
    }

    /// Sends the job. It does not wait, because the place is reserved.
    ///
    /// If the deadline of the pool has passed, the job is dropped and counted as cancelled.
    pub fn send(self, job: T) {
        // Counted before a worker can receive it, so that the count never drops below zero.
        self.counters.begun.fetch_add(1, Ordering::SeqCst);
        self.counters.queued.fetch_add(1, Ordering::SeqCst);
        self.place.send(QueuedJob { job, created: self.created });
        self.counters.cancel_late_arrivals();
    }
}

impl<T> Rejected<T> {
    /// Returns the job.
    pub fn into_job(self) -> T {
        match self {
            Self::Full(job) | Self::Stopped(job) => job,
        }
    }
}

impl<T> Clone for Pool<T> {
    fn clone(&self) -> Self {
        Self {
            sender: self.sender.clone(),
            counters: Arc::clone(&self.counters),
            workers: self.workers,
            created: self.created,
        }
    }
}

impl<T> fmt::Debug for Pool<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("counters", &self.counters).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Place<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Rejected<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full",
            Self::Stopped(_) => "Stopped",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_form;

    #[test]
    fn error_texts_have_the_form() {
        error_form::walk! {
            Rejected::Full(_) => Rejected::Full("a job");
            Rejected::Stopped(_) => Rejected::Stopped("a job");
        }
    }
}
