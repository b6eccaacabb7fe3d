use sqlx::Executor as _;

use crate::store::{Store, StoreError, with_pool};

/// Takes a connection, begins a transaction on it and never gives it back: the pool cannot be closed, and PostgreSQL
/// sees a session that was abandoned.
pub(super) async fn arm(store: &Store) -> Result<(), StoreError> {
    with_pool!(store.pool(), |pool| {
        let mut connection = pool.acquire().await.map_err(StoreError::when("take a connection"))?;
        connection.execute("BEGIN").await.map_err(StoreError::when("begin a transaction"))?;
        std::mem::forget(connection);
    });
    Ok(())
}
