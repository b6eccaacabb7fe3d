//! Where orders are kept: SQLite in a file, or PostgreSQL.

mod error;
mod open;
mod statements;
mod table;

pub(crate) use error::StoreError;
pub(crate) use open::postgres_url;
pub(crate) use table::Store;
