use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use ebbtide::BoxError;
use tokio::sync::Semaphore;

use super::database::{
    DatabasePool, Statements, open_postgres, open_sqlite, postgres_states, sqlite_states, with_pool,
};
use crate::orders::{NewOrder, Order, OrderCounts, OrderState};
use crate::queue::BoxFuture;

/// The table of orders. Cheap to clone.
///
/// Each change is one statement, and committed when its future is done.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    pub(super) pool: DatabasePool,
    pub(super) statements: &'static Statements,
    pub(super) writers: Arc<Semaphore>,
}

/// A database operation failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// The database cannot be opened.
    #[error("failed to open the {database} database: {cause}")]
    Open {
        /// What kind it is. Its address may hold a password.
        database: &'static str,
        cause: sqlx::Error,
    },
    /// A statement failed.
    #[error("failed to {action}: {cause}")]
    Statement { action: &'static str, cause: sqlx::Error },
}

/// The file of the orders in SQLite.
const FILE: &str = "orders.db";

impl Store {
    /// Opens PostgreSQL if `DATABASE_URL` names one, otherwise `orders.db` in `folder`, and creates the table if it is missing.
    pub(crate) async fn open(folder: &Path) -> Result<Self, StoreError> {
        let (database, opened) = match postgres_url() {
            Some(url) => ("PostgreSQL", open_postgres(&url).await),
            None => ("SQLite", open_sqlite(&folder.join(FILE)).await),
        };
        let store = opened.map_err(|cause| StoreError::Open { database, cause })?;
        tracing::info!("storing orders in {database}");
        Ok(store)
    }

    /// Stores a new order.
    pub(crate) async fn insert(&self, id: &str, order: &NewOrder) -> Result<(), StoreError> {
        let _turn = self.writers.acquire().await;
        let state = OrderState::Stored.name();
        let stored = with_pool!(&self.pool, |pool| {
            let query = sqlx::query(self.statements.insert).bind(id).bind(&order.item);
            query.bind(order.quantity).bind(state).execute(pool).await.map(drop)
        });
        stored.map_err(StoreError::when("store an order"))
    }

    /// Advances an order to a state, and returns whether it did. An order in a later state is unchanged.
    pub(crate) async fn advance(&self, id: &str, state: OrderState) -> Result<bool, StoreError> {
        let _turn = self.writers.acquire().await;
        let moved = with_pool!(&self.pool, |pool| {
            let query = sqlx::query(self.statements.advance).bind(id).bind(state.name());
            query.execute(pool).await.map(|moved| moved.rows_affected())
        });
        Ok(moved.map_err(StoreError::when("advance an order"))? > 0)
    }

    /// Returns an order, if it exists.
    pub(crate) async fn find(&self, id: &str) -> Result<Option<Order>, StoreError> {
        let row = with_pool!(&self.pool, |pool| {
            sqlx::query_as(self.statements.find).bind(id).fetch_optional(pool).await
        });
        let row = row.map_err(StoreError::when("find an order"))?;
        Ok(row.map(|(id, item, quantity, state, created_at)| Order { id, item, quantity, state, created_at }))
    }

    /// Returns how many orders there are in each state.
    pub(crate) async fn counts(&self) -> Result<OrderCounts, StoreError> {
        let rows: Result<Vec<(String, i64)>, _> =
            with_pool!(&self.pool, |pool| sqlx::query_as(self.statements.count).fetch_all(pool).await);
        let mut counts = OrderCounts::default();
        for (state, count) in rows.map_err(StoreError::when("count the orders"))? {
            counts.set(&state, count);
        }
        Ok(counts)
    }

    /// Returns the stored orders whose push is not recorded, oldest first.
    pub(crate) async fn without_job(&self) -> Result<Vec<String>, StoreError> {
        let rows = with_pool!(&self.pool, |pool| {
            sqlx::query_scalar(self.statements.without_job).fetch_all(pool).await
        });
        rows.map_err(StoreError::when("find orders without a job"))
    }

    /// Closes every connection, and waits for those in use.
    pub(crate) async fn close(self) -> Result<(), BoxError> {
        with_pool!(&self.pool, |pool| pool.close().await);
        Ok(())
    }

    /// Returns the pool, for faults that misuse it.
    pub(crate) fn pool(&self) -> &DatabasePool {
        &self.pool
    }
}

impl StoreError {
    /// Returns the mapping for the error of a statement; `action` completes "failed to …".
    pub(crate) fn when(action: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |cause| Self::Statement { action, cause }
    }
}

/// Returns the state of each order, by its id, of a service with its data in `folder`, or with its orders in the PostgreSQL
/// `database` if that is given. The service has exited.
///
/// # Errors
///
/// Fails when there are no orders, when they cannot be read, or when this build has no client for PostgreSQL.
pub fn order_states<'a>(
    folder: &'a Path,
    database: Option<&'a str>,
) -> BoxFuture<'a, Result<HashMap<String, String>, BoxError>> {
    Box::pin(async move {
        Ok(match database {
            Some(url) => postgres_states(url).await?,
            None => sqlite_states(&folder.join(FILE)).await?,
        })
    })
}

/// Returns `DATABASE_URL`, if it names a PostgreSQL database.
pub(crate) fn postgres_url() -> Option<String> {
    let is_postgres = |url: &String| url.starts_with("postgres://") || url.starts_with("postgresql://");
    std::env::var("DATABASE_URL").ok().filter(is_postgres)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_form;

    #[test]
    fn error_texts_have_the_form() {
        let cause = || sqlx::Error::Io(std::io::Error::other("disk full"));
        error_form::walk! {
            StoreError::Open { .. } => StoreError::Open { database: "SQLite", cause: cause() };
            StoreError::Statement { .. } => StoreError::Statement { action: "insert the order", cause: cause() };
        }
    }
}
