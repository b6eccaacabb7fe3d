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

pub(crate) use {all_tests, tests};
