use std::sync::Arc;

use ebbtide::BoxError;
use tokio::sync::Semaphore;

use super::statements::Statements;
use super::{Pool, StoreError, with_pool};
use crate::orders::{Counts, NewOrder, Order, State};

/// The table of orders. Cheap to clone.
///
/// Each change is one statement, and committed when its future is done.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    pub(super) pool: Pool,
    pub(super) statements: &'static Statements,
    pub(super) writers: Arc<Semaphore>,
}

impl Store {
    /// Stores a new order.
    pub(crate) async fn insert(&self, id: &str, order: &NewOrder) -> Result<(), StoreError> {
        let _turn = self.writers.acquire().await;
        let state = State::Stored.name();
        let stored = with_pool!(&self.pool, |pool| {
            let query = sqlx::query(self.statements.insert).bind(id).bind(&order.item);
            query.bind(order.quantity).bind(state).execute(pool).await.map(drop)
        });
        stored.map_err(StoreError::when("store an order"))
    }

    /// Moves an order on, and tells whether it did: one that is further already stays as it is.
    pub(crate) async fn advance(&self, id: &str, state: State) -> Result<bool, StoreError> {
        let _turn = self.writers.acquire().await;
        let moved = with_pool!(&self.pool, |pool| {
            let query = sqlx::query(self.statements.advance).bind(id).bind(state.name());
            query.execute(pool).await.map(|moved| moved.rows_affected())
        });
        Ok(moved.map_err(StoreError::when("move an order on"))? > 0)
    }

    /// Returns an order, if it is there.
    pub(crate) async fn find(&self, id: &str) -> Result<Option<Order>, StoreError> {
        let row = with_pool!(&self.pool, |pool| {
            sqlx::query_as(self.statements.find).bind(id).fetch_optional(pool).await
        });
        let row = row.map_err(StoreError::when("look for an order"))?;
        Ok(row.map(|(id, item, quantity, state, created_at)| Order { id, item, quantity, state, created_at }))
    }

    /// Returns how many orders there are in each state.
    pub(crate) async fn counts(&self) -> Result<Counts, StoreError> {
        let rows: Result<Vec<(String, i64)>, _> =
            with_pool!(&self.pool, |pool| sqlx::query_as(self.statements.count).fetch_all(pool).await);
        let mut counts = Counts::default();
        for (state, count) in rows.map_err(StoreError::when("count the orders"))? {
            counts.set(&state, count);
        }
        Ok(counts)
    }

    /// Returns the orders that are stored and whose job was not seen to be pushed, oldest first.
    pub(crate) async fn without_job(&self) -> Result<Vec<String>, StoreError> {
        let rows = with_pool!(&self.pool, |pool| {
            sqlx::query_scalar(self.statements.without_job).fetch_all(pool).await
        });
        rows.map_err(StoreError::when("look for orders without a job"))
    }

    /// Closes every connection; waits for those that are in use.
    pub(crate) async fn close(self) -> Result<(), BoxError> {
        with_pool!(&self.pool, |pool| pool.close().await);
        Ok(())
    }

    /// Returns the pool, for faults that misuse it.
    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
    }
}
