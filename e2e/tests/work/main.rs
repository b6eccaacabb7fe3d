//! Work that is not HTTP: queues and their brokers, worker pools, connection pools, subscribers.

mod a_broker_that_dies_loses_no_job;
mod a_deploy_loses_no_job;
mod a_pool_is_drained_to_the_end;
mod a_pool_says_who_holds_it;
mod clients_are_closed_in_order;
mod no_sigkill_loses_a_job;
mod our_own_cancellation_is_no_failure;
mod subscribers_are_woken;
mod the_broker_goes_away;
