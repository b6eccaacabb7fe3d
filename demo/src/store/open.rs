use std::collections::HashMap;
use std::path::Path;

use ebbtide::BoxError;

use super::{Store, StoreError, postgres, sqlite};
use crate::queue::BoxFuture;

/// The file of the orders in SQLite.
const FILE: &str = "orders.db";

impl Store {
    /// Opens PostgreSQL if `DATABASE_URL` names one, otherwise `orders.db` in `folder`, and makes the table if missing.
    pub(crate) async fn open(folder: &Path) -> Result<Self, StoreError> {
        let (database, opened) = match postgres_url() {
            Some(url) => ("PostgreSQL", postgres::open(&url).await),
            None => ("SQLite", sqlite::open(&folder.join(FILE)).await),
        };
        let store = opened.map_err(|cause| StoreError::Open { database, cause })?;
        tracing::info!("orders are kept in {database}");
        Ok(store)
    }
}

/// Returns the state of each order, by its id, of a service with its data in `folder`, or with its orders in the PostgreSQL
/// `database` if that is given: what a service that has ended left behind.
///
/// # Errors
///
/// When there are no orders, or they cannot be read, or this build has no client for PostgreSQL.
pub fn order_states<'a>(
    folder: &'a Path,
    database: Option<&'a str>,
) -> BoxFuture<'a, Result<HashMap<String, String>, BoxError>> {
    Box::pin(async move {
        Ok(match database {
            Some(url) => postgres::states(url).await?,
            None => sqlite::states(&folder.join(FILE)).await?,
        })
    })
}

/// Returns `DATABASE_URL`, if it names a PostgreSQL.
pub(crate) fn postgres_url() -> Option<String> {
    let is_postgres = |url: &String| url.starts_with("postgres://") || url.starts_with("postgresql://");
    std::env::var("DATABASE_URL").ok().filter(is_postgres)
}
