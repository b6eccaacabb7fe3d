//! The queue in Redis, against a real server: that of `EBBTIDE_TEST_REDIS`, or the local one, and our own ones to kill.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod ahead;
mod conforming;
mod failover;
mod foreign;
mod lease;
mod lost_answers;
mod opening;
mod outage;
mod place;
mod renewing;
mod settling;
mod stop;
mod times;
mod wire;
