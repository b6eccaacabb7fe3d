//! The queue in NATS, against a real server with JetStream: that of `EBBTIDE_TEST_NATS`, or the local one, and our own ones to kill.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod conforming;
mod foreign;
mod lease;
mod opening;
mod outage;
mod place;
mod renewing;
mod settling;
mod stop;
mod times;
