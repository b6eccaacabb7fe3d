//! SQL databases for [`ebbtide`], through the crate `sqlx`: [job queues in a table](postgres), and [pools](SqlxExt)
//! that are closed when everything that uses them has stopped.
//!
//! | feature | what |
//! |---|---|
//! | none | [`SqlxExt`], for the pools of any database |
//! | `postgres` | [`PostgresQueue`] |
//! | `sqlite` | [`SqliteQueue`] |

// docs.rs shows the feature of each item.
#![cfg_attr(docsrs, feature(doc_cfg))]
// Times come from outside, and a panic in the arithmetic on them would break the shutdown. Tests may panic.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects, unused_crate_dependencies))]

#[cfg(all(test, any(feature = "postgres", feature = "sqlite")))]
mod error_form;
mod handle;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "sqlite")]
pub mod sqlite;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod table;

pub use handle::SqlxExt;
#[cfg(feature = "postgres")]
pub use postgres::{PostgresQueue, PostgresQueueError};
#[cfg(feature = "sqlite")]
pub use sqlite::{SqliteQueue, SqliteQueueError};
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub use table::{JobLease, JobState, NewJob, StoredJob};
