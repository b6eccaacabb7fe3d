//! The methods that the table adapters share beside the trait, a separate database for each test, and the macro that defines
//! an adapter's tests.

use std::time::Duration;

use ebbtide::queue::{JobCounts, Queue};
use ebbtide_sqlx::{JobLease, JobState, NewJob, StoredJob};

/// The methods that the table adapters share beside the trait.
pub(crate) trait Rows: Queue<Receipt = JobLease> + Clone {
    fn polled(self, poll: Duration) -> Self;
    fn leased_for(self, lease: Duration) -> Self;
    async fn pushed(&self, job: impl Into<NewJob>) -> i64;
    async fn counted(&self) -> JobCounts;
    async fn listed(&self, state: JobState) -> Vec<StoredJob>;
    async fn requeued(&self, id: i64) -> bool;
    async fn all_requeued(&self) -> u64;
    async fn discarded(&self, id: i64) -> bool;
}

/// A separate database for a test.
pub(crate) trait Place {
    type Queue: Rows;

    /// Opens a separate pool, which stands for another process, and creates the table.
    async fn queue_named(&self, name: &str) -> Self::Queue;

    async fn queue(&self) -> Self::Queue {
        self.queue_named("jobs").await
    }

    /// Takes every connection of the queue's pool until the returned value is dropped.
    async fn hold_all(queue: &Self::Queue) -> Vec<Box<dyn Send>>;

    async fn close(queue: Self::Queue);

    /// Opens this many pools on a database without the table, and creates the table in all of them concurrently.
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

            async fn requeued(&self, id: i64) -> bool {
                self.requeue_dead_letter(id).await.unwrap()
            }

            async fn all_requeued(&self) -> u64 {
                self.requeue_dead_letters().await.unwrap()
            }

            async fn discarded(&self, id: i64) -> bool {
                self.discard(id).await.unwrap()
            }
        }
    };
}

/// Defines a test of each of these functions, each with a separate database.
macro_rules! tests {
    ($place:ty: $($test:ident),+ $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                crate::table::$test(&<$place>::new().await).await;
            }
        )+
    };
}

/// Defines a test of every function of this folder.
macro_rules! all_tests {
    ($place:ty) => {
        crate::table::tests!($place:
            pushed_jobs_survive_the_pool_and_are_delivered_in_order,
            queues_in_one_table_are_independent,
            each_concurrent_push_returns_the_id_of_its_job,
            the_table_can_be_created_concurrently,
            a_stop_ends_a_waiting_fetch_and_nothing_is_leased_after_it,
            a_stop_ends_the_wait_for_a_connection,
            a_push_wakes_a_fetch_that_waits_for_it,
            a_delayed_job_is_delivered_when_due_without_polling,
            a_retry_waits_for_its_time_and_counts_an_attempt,
            a_requeued_job_is_delivered_first_wakes_a_consumer_and_counts_no_attempt,
            a_job_with_an_expired_lease_is_redelivered_and_its_old_receipt_is_lost,
            an_extended_lease_does_not_expire,
            a_dead_lettered_job_is_kept_with_its_error_and_can_be_requeued,
            a_nul_in_an_error_is_replaced_and_the_rest_is_kept,
            each_of_many_concurrent_settlements_gets_its_result,
            each_job_goes_to_one_of_the_competing_consumers,
        );
    };
}

pub(crate) use {all_tests, rows, tests};
