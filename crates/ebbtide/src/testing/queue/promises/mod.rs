//! One function for each promise. Each needs a subject of its own, whose queue is empty and which nobody else uses.
//!
//! All of them return [`Verdict::Kept`](super::Verdict) or [`Verdict::DoesNotApply`](super::Verdict), or as an error how the
//! promise was [`Broken`](super::Broken). None panics. Dropped before its end, one leaves its queue in any state.

mod ack_is_final;
mod buried_is_kept;
mod crash_loses_nothing;
mod deliveries_are_exclusive;
mod extend_keeps;
mod fetch_ends_with_stop;
mod fetch_takes_at_most_max;
mod fetch_waits;
mod first_settlement_counts;
mod hand_back_is_at_once;
mod id_stays;
mod lapsed_lease_is_lost;
mod lease_begins_at_delivery;
mod order_is_kept;
mod outage_is_an_error;
mod payloads_arrive_exactly;
mod prefetch_keeps_nothing;
mod retry_waits;
mod stop_leaves_nothing;
mod stopped_fetch_keeps_nothing;

pub use ack_is_final::ack_is_final;
pub use buried_is_kept::buried_is_kept;
pub use crash_loses_nothing::crash_loses_nothing;
pub use deliveries_are_exclusive::deliveries_are_exclusive;
pub use extend_keeps::extend_keeps;
pub use fetch_ends_with_stop::fetch_ends_with_stop;
pub use fetch_takes_at_most_max::fetch_takes_at_most_max;
pub use fetch_waits::fetch_waits;
pub use first_settlement_counts::first_settlement_counts;
pub use hand_back_is_at_once::hand_back_is_at_once;
pub use id_stays::id_stays;
pub use lapsed_lease_is_lost::lapsed_lease_is_lost;
pub use lease_begins_at_delivery::lease_begins_at_delivery;
pub use order_is_kept::order_is_kept;
pub use outage_is_an_error::outage_is_an_error;
pub use payloads_arrive_exactly::payloads_arrive_exactly;
pub use prefetch_keeps_nothing::prefetch_keeps_nothing;
pub use retry_waits::retry_waits;
pub use stop_leaves_nothing::stop_leaves_nothing;
pub use stopped_fetch_keeps_nothing::stopped_fetch_keeps_nothing;
