use sqlx::Executor as _;

use crate::store::{Store, StoreError};

/// Takes a connection, begins a transaction on it and never gives it back: the pool cannot be closed, and PostgreSQL
/// sees a session that was abandoned.
pub(super) async fn arm(store: &Store) -> Result<(), StoreError> {
    let failed = StoreError::when("take a connection");
    let mut connection = store.pool().acquire().await.map_err(failed)?;
    let failed = StoreError::when("begin a transaction");
    connection.execute("BEGIN").await.map_err(failed)?;
    std::mem::forget(connection);
    Ok(())
}
