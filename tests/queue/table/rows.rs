//! What the adapters of tables have in common beside the trait, a database of a test's own, and the macro that makes an adapter's tests.

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

/// Makes a test of each of these, in a place of its own.
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

/// The same, with everything that is here.
macro_rules! all_tests {
    ($place:ty) => {
        crate::table::tests!($place:
            what_was_pushed_outlives_the_pool_and_is_delivered_in_order,
            queues_in_one_table_know_nothing_of_each_other,
            many_who_push_at_once_each_get_the_id_of_their_own_job,
            several_may_make_the_table_at_the_same_time,
            the_stop_ends_the_waiting_and_nothing_is_taken_behind_it,
            the_stop_ends_the_waiting_for_a_connection_too,
            a_push_wakes_who_waits_for_it,
            a_delay_is_kept_and_ends_without_anybody_looking,
            a_retry_waits_for_its_time_and_counts,
            what_is_handed_back_is_first_again_wakes_who_waits_and_does_not_count,
            a_job_whose_lease_ran_out_is_delivered_again_and_no_longer_ours_to_settle,
            a_lease_that_is_extended_lasts,
            what_is_buried_is_kept_with_its_error_and_can_be_brought_back,
            an_error_that_no_text_can_hold_is_kept_as_far_as_it_can_be,
            many_settlements_at_once_each_get_their_own_answer,
            each_job_goes_to_one_of_those_who_compete,
        );
    };
}

pub(crate) use {all_tests, rows, tests};
