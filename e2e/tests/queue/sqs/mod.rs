//! The queue in SQS, against what speaks its protocol: that of `EBBTIDE_TEST_SQS`, or the local one.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod conforming;
mod deploy;
mod foreign;
mod lease;
mod opening;
mod outage;
mod place;
mod settling;
mod stop;
