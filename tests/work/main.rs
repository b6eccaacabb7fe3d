//! Work that is not HTTP: queues and their brokers, worker pools, connection pools, subscribers.

mod a_broker_that_dies_loses_no_job;
mod clients_are_closed_in_order;
mod deploys_and_sigkills_lose_no_job;
mod our_own_cancellation_is_no_failure;
mod pools_are_drained_and_say_who_holds_them;
mod subscribers_are_woken;
mod the_broker_goes_away;
