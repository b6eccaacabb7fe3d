//! Whoever is stopped or dropped while a connection is being made leaves no session behind that the server counts as
//! abandoned.

use std::time::Duration;

use ebbtide::queue::Queue as _;
use ebbtide_sqlx::PostgresQueue;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio::time::timeout;

use super::place::Database;
use crate::support::{fetch_for, next};
use crate::table::Place as _;

/// The moments at which it is given up: making a connection takes a few milliseconds.
const MOMENTS: u32 = 40;
const APART: Duration = Duration::from_micros(250);

async fn given_up(database: &Database, mut giving_up: impl AsyncFnMut(&PgPool, Duration)) -> i64 {
    for moment in 0..MOMENTS {
        let pool = PgPoolOptions::new().max_connections(2).connect_lazy(&database.url()).unwrap();
        giving_up(&pool, APART * moment).await;
        pool.close().await;
    }
    database.abandoned().await
}

#[tokio::test]
async fn a_fetch_that_is_stopped_while_it_connects_abandons_no_session() {
    let database = Database::new().await;
    database.queue().await.pool().close().await;
    let abandoned = given_up(&database, async |pool, time| {
        let queue = PostgresQueue::new(pool.clone(), "jobs");
        assert!(fetch_for(&queue, time).await.is_empty());
        queue.close().await.unwrap();
    });
    assert_eq!(abandoned.await, 0);
}

#[tokio::test]
async fn an_extension_that_is_dropped_while_it_connects_abandons_no_session() {
    let database = Database::new().await;
    let queue = database.queue().await;
    queue.push("held").await.unwrap();
    let held = [next(&queue).await.receipt];
    queue.close().await.unwrap();
    queue.pool().close().await;
    let abandoned = given_up(&database, async |pool, time| {
        let queue = PostgresQueue::new(pool.clone(), "jobs");
        let _dropped = timeout(time, queue.extend(&held)).await;
        queue.close().await.unwrap();
    });
    assert_eq!(abandoned.await, 0);
}

/// The opposite: what is dropped without more ado.
#[tokio::test]
async fn a_connection_that_is_dropped_half_made_is_a_session_abandoned() {
    let database = Database::new().await;
    let abandoned = given_up(&database, async |pool, time| {
        let _dropped = timeout(time, pool.acquire()).await;
    });
    assert_ne!(abandoned.await, 0);
}
