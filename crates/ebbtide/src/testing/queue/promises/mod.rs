//! One test function for each promise, grouped by topic. Each needs a separate subject with an empty queue that nothing else uses.
//!
//! Each returns [`Verdict::Kept`](super::Verdict) or [`Verdict::DoesNotApply`](super::Verdict), or as an error how the promise was
//! [`Broken`](super::Broken). None panics. A future dropped before it completes leaves its queue in an arbitrary state.

mod delivery;
mod failure;
mod fetch;
mod lease;
mod settlement;
mod stop;

pub use delivery::{deliveries_are_exclusive, id_stays, order_is_kept, payloads_arrive_exactly};
pub use failure::{crash_loses_nothing, outage_is_an_error};
pub use fetch::{fetch_ends_with_stop, fetch_takes_at_most_max, fetch_waits};
pub use lease::{extend_keeps, lapsed_lease_is_lost, lease_begins_at_delivery};
pub use settlement::{
    ack_is_final, dead_letter_is_kept, first_settlement_counts, requeue_is_immediate, retry_waits,
};
pub use stop::{prefetch_keeps_nothing, stop_leaves_nothing, stopped_fetch_keeps_nothing};
