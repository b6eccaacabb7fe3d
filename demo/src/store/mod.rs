//! Where orders are kept: SQLite in a file, or PostgreSQL.

mod error;
mod open;
mod pool;
#[cfg(feature = "postgres")]
mod postgres;
mod sqlite;
mod statements;
mod table;
#[cfg(not(feature = "postgres"))]
mod unsupported;

pub(crate) use error::StoreError;
pub use open::order_states;
pub(crate) use open::postgres_url;
pub(crate) use pool::{Pool, with_pool};
pub(crate) use sqlite::options as sqlite_options;
pub(crate) use table::Store;
#[cfg(not(feature = "postgres"))]
use unsupported as postgres;
