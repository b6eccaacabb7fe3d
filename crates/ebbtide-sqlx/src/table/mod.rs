//! Jobs as rows of a table: the parts that the adapters for SQL databases share.

mod fetch;
mod job;
mod renewals;

pub(super) use fetch::{DEFAULT_LEASE, Leasing, SHORTEST, fetch};
pub use job::{JobLease, JobState, NewJob, StoredJob};
pub(super) use job::{Row, counts, deliveries, millis, text};
pub(super) use renewals::{Renewals, limitation};
