use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};
use tokio::sync::Semaphore;

use super::{Pool, Store, statements};

const CONNECTIONS: u32 = 8;

/// Connects, and creates the table if it is missing.
pub(super) async fn open(url: &str) -> Result<Store, sqlx::Error> {
    let options: PgConnectOptions = url.parse()?;
    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(Duration::from_secs(5))
        .connect_with(options)
        .await?;
    pool.execute(sqlx::raw_sql(statements::POSTGRES.create)).await?;
    let writers = Arc::new(Semaphore::new(CONNECTIONS as usize));
    Ok(Store { pool: Pool::Postgres(pool), statements: &statements::POSTGRES, writers })
}

/// Reads the state of each order.
pub(super) async fn states(url: &str) -> Result<HashMap<String, String>, sqlx::Error> {
    let options: PgConnectOptions = url.parse()?;
    let mut connection = options.connect().await?;
    let rows = sqlx::query_as(statements::POSTGRES.states).fetch_all(&mut connection).await;
    // In order, also where there is no table yet: a session that is dropped counts as abandoned, by the service that is rehearsed.
    connection.close().await?;
    let rows: Vec<(String, String)> = rows?;
    Ok(rows.into_iter().collect())
}
