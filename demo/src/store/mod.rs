//! Where orders are kept: SQLite in a file, or PostgreSQL.

mod database;
mod table;

pub(crate) use database::{DatabasePool, sqlite_options, with_pool};
pub use table::order_states;
pub(crate) use table::{Store, StoreError, postgres_url};
