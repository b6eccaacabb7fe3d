//! What keeps leases, whatever the handlers use up.

use std::time::Duration;

use ebbtide_sqlx::PostgresQueue;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;

use super::place::Database;
use crate::blocked::{LEASE, blocked_threads, held_pool, push};
use crate::table::Place as _;

blocked_threads!(
    Database::new().await,
    async |database: &Database| database.queue().await.lease_for(LEASE),
    push
);

async fn small(database: &Database) -> PgPool {
    let pool = PgPoolOptions::new().max_connections(2).acquire_timeout(Duration::from_secs(30));
    pool.connect(&database.url()).await.unwrap()
}

held_pool!(Database::new().await, small, |pool| PostgresQueue::new(pool, "jobs").lease_for(LEASE));
