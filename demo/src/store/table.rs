use std::sync::Arc;

use ebbtide::BoxError;
use sqlx::AnyPool;
use tokio::sync::Semaphore;

use super::StoreError;
use super::statements::Statements;
use crate::orders::{Counts, NewOrder, Order, State};

/// The table of orders. Cheap to clone.
///
/// Each change is one statement, and committed when its future is done.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    pub(super) pool: AnyPool,
    pub(super) statements: &'static Statements,
    pub(super) writers: Arc<Semaphore>,
}

impl Store {
    /// Stores a new order.
    pub(crate) async fn insert(&self, id: &str, order: &NewOrder) -> Result<(), StoreError> {
        let _turn = self.writers.acquire().await;
        let query = sqlx::query(self.statements.insert)
            .bind(id)
            .bind(&order.item)
            .bind(order.quantity)
            .bind(State::Stored.name());
        query.execute(&self.pool).await.map(drop).map_err(StoreError::when("store an order"))
    }

    /// Moves an order on, and tells whether it did: one that is further already stays as it is.
    pub(crate) async fn advance(&self, id: &str, state: State) -> Result<bool, StoreError> {
        let _turn = self.writers.acquire().await;
        let query = sqlx::query(self.statements.advance).bind(id).bind(state.name());
        let moved = query.execute(&self.pool).await.map_err(StoreError::when("move an order on"))?;
        Ok(moved.rows_affected() > 0)
    }

    /// Returns an order, if it is there.
    pub(crate) async fn find(&self, id: &str) -> Result<Option<Order>, StoreError> {
        let query = sqlx::query_as(self.statements.find).bind(id);
        let row = query.fetch_optional(&self.pool).await.map_err(StoreError::when("look for an order"))?;
        Ok(row.map(|(id, item, quantity, state, created_at)| Order { id, item, quantity, state, created_at }))
    }

    /// Returns how many orders there are in each state.
    pub(crate) async fn counts(&self) -> Result<Counts, StoreError> {
        let failed = StoreError::when("count the orders");
        let query = sqlx::query_as(self.statements.count);
        let rows: Vec<(String, i64)> = query.fetch_all(&self.pool).await.map_err(failed)?;
        let mut counts = Counts::default();
        for (state, count) in rows {
            counts.set(&state, count);
        }
        Ok(counts)
    }

    /// Returns the orders that are stored and whose job was not seen to be pushed, oldest first.
    pub(crate) async fn without_job(&self) -> Result<Vec<String>, StoreError> {
        let query = sqlx::query_scalar(self.statements.without_job);
        query.fetch_all(&self.pool).await.map_err(StoreError::when("look for orders without a job"))
    }

    /// Closes every connection; waits for those that are in use.
    pub(crate) async fn close(self) -> Result<(), BoxError> {
        self.pool.close().await;
        Ok(())
    }

    /// Returns the pool, for faults that misuse it.
    pub(crate) fn pool(&self) -> &AnyPool {
        &self.pool
    }
}
