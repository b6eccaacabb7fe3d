//! Jobs that are rows of a table: what the adapters for SQL databases have in common.

mod lease;
mod leased;
mod new_job;
mod patience;
mod renewals;
mod stored;
mod terms;

pub use lease::JobLease;
pub(super) use leased::deliveries;
pub use new_job::NewJob;
pub(super) use patience::{Leasing, fetch};
pub(super) use renewals::{Renewals, limitation};
pub use stored::{JobState, StoredJob};
pub(super) use stored::{Row, counts};
pub(super) use terms::{DEFAULT_LEASE, SHORTEST, millis, text};
