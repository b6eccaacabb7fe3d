//! Jobs that are rows of a table: what the adapters for SQL databases have in common.

mod fetch;
mod job;
mod renewals;

pub(super) use fetch::{DEFAULT_LEASE, Leasing, SHORTEST, fetch};
pub use job::{JobLease, JobState, NewJob, StoredJob};
pub(super) use job::{Row, counts, deliveries, millis, text};
pub(super) use renewals::{Renewals, limitation};
