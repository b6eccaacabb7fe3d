//! SQLite: a file in a folder of the test's own. To SQLite, pools are processes: each has connections of its own.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod common;
mod competing;
mod conforming;
mod contention;
mod place;
mod renewing;
mod storing;
mod times;
