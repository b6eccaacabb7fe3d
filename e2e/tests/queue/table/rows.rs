use std::time::Duration;

use ebbtide::queue::{JobCounts, Queue};
use ebbtide_sqlx::{JobLease, JobState, NewJob, StoredJob};

/// What the adapters have in common beside the trait.
pub(crate) trait Rows: Queue<Receipt = JobLease> + Clone {
    fn polled(self, poll: Duration) -> Self;
    fn leased_for(self, lease: Duration) -> Self;
    async fn pushed(&self, job: impl Into<NewJob>) -> i64;
    async fn counted(&self) -> JobCounts;
    async fn listed(&self, state: JobState) -> Vec<StoredJob>;
    async fn revived(&self, id: i64) -> bool;
    async fn all_revived(&self) -> u64;
    async fn discarded(&self, id: i64) -> bool;
}

/// A database of the test's own.
pub(crate) trait Place {
    type Queue: Rows;

    /// Opens a pool of its own, which may be as good as another process, and makes the table.
    async fn queue_named(&self, name: &str) -> Self::Queue;

    async fn queue(&self) -> Self::Queue {
        self.queue_named("jobs").await
    }

    /// Takes every connection that the queue's pool has, until what is returned is dropped.
    async fn hold_all(queue: &Self::Queue) -> Vec<Box<dyn Send>>;

    async fn close(queue: Self::Queue);

    /// Opens so many pools, and makes the table in all of them at once, where there is none.
    async fn several_make_it(&self, count: usize) -> Vec<Self::Queue>;
}

macro_rules! rows {
    ($queue:ty) => {
        impl crate::table::Rows for $queue {
            fn polled(self, poll: std::time::Duration) -> Self {
                self.poll_every(poll)
            }

            fn leased_for(self, lease: std::time::Duration) -> Self {
                self.lease_for(lease)
            }

            async fn pushed(&self, job: impl Into<ebbtide_sqlx::NewJob>) -> i64 {
                self.push(job).await.unwrap()
            }

            async fn counted(&self) -> ebbtide::queue::JobCounts {
                self.counts().await.unwrap()
            }

            async fn listed(&self, state: ebbtide_sqlx::JobState) -> Vec<ebbtide_sqlx::StoredJob> {
                self.list(state, 10_000).await.unwrap()
            }

            async fn revived(&self, id: i64) -> bool {
                self.revive(id).await.unwrap()
            }

            async fn all_revived(&self) -> u64 {
                self.revive_all().await.unwrap()
            }

            async fn discarded(&self, id: i64) -> bool {
                self.discard(id).await.unwrap()
            }
        }
    };
}

pub(crate) use rows;
