//! Work that is not HTTP: queues and their brokers, worker pools, connection pools, subscribers.

mod a_broker_that_dies_loses_no_job;
mod a_cancellation_by_the_lifecycle_is_not_a_failure;
mod blocking_reads_are_woken;
mod clients_are_closed_in_order;
mod deploys_and_sigkills_lose_no_job;
mod pools_are_drained_and_name_their_holders;
mod the_broker_becomes_unavailable;
