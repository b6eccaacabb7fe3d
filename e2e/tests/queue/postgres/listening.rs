//! Notifications wake who waits, come back when the connection does, and hold no stop.

use std::time::Duration;

use ebbtide::queue::Queue as _;
use ebbtide_sqlx::PostgresQueue;

use super::place::Database;
use crate::support::{LONG, fetch_for, next, source, stop};
use crate::table::Place as _;

const LISTENING: &str = "LISTEN%";

/// Pushes when somebody listens, from a pool of its own.
async fn push_from_elsewhere(database: &Database, other: &PostgresQueue) -> String {
    database.wait_for_sessions(LISTENING, 1).await;
    // It listens from the moment of the statement's end, and looks once more then: what wakes it is the notification.
    tokio::time::sleep(Duration::from_millis(100)).await;
    other.push("from elsewhere").await.unwrap().to_string()
}

#[tokio::test]
async fn what_other_processes_push_wakes_who_waits() {
    let database = Database::new().await;
    let queue = database.queue().await.poll_every(LONG);
    let other = database.queue().await;
    let (job, pushed) = tokio::join!(next(&queue), push_from_elsewhere(&database, &other));
    assert_eq!(job.id, pushed);

    // So does the commit of a transaction.
    let (job, ()) = tokio::join!(next(&queue), async {
        let mut transaction = other.pool().begin().await.unwrap();
        other.push_in(&mut transaction, "by a commit").await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        transaction.commit().await.unwrap();
    });
    assert_eq!(job.payload, b"by a commit");

    // The opposite: nobody is notified, and who never looks finds nothing.
    let silent = database.queue().await.poll_only(LONG);
    let blind = database.queue().await.poll_only(LONG);
    let (jobs, _) = tokio::join!(fetch_for(&blind, Duration::from_millis(500)), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        silent.push("not noticed").await.unwrap()
    });
    assert!(jobs.is_empty());
    queue.close().await.unwrap();
}

#[tokio::test]
async fn a_listener_that_is_cut_off_listens_again() {
    let database = Database::new().await;
    let queue = database.queue().await.poll_every(LONG);
    let other = database.queue().await;
    let (job, pushed) = tokio::join!(next(&queue), async {
        database.wait_for_sessions(LISTENING, 1).await;
        assert_eq!(database.terminate(LISTENING).await, 1);
        database.wait_for_sessions(LISTENING, 0).await;
        push_from_elsewhere(&database, &other).await
    });
    assert_eq!(job.id, pushed);

    // What was pushed while nobody listened is found when somebody does again.
    let (job, pushed) = tokio::join!(next(&queue), async {
        assert_eq!(database.terminate(LISTENING).await, 1);
        other.push("missed").await.unwrap().to_string()
    });
    assert_eq!(job.id, pushed);
    queue.close().await.unwrap();
}

#[tokio::test]
async fn the_stop_ends_the_listening_and_the_pool_closes() {
    let database = Database::new().await;
    let queue = database.queue().await.poll_every(LONG);
    let source = source();
    let token = source.token();
    let (jobs, ()) = tokio::join!(queue.fetch(1, &token), async {
        database.wait_for_sessions(LISTENING, 1).await;
        stop(&source);
    });
    assert!(jobs.unwrap().is_empty());
    queue.close().await.unwrap();
    queue.pool().close().await;
    database.wait_for_sessions("%", 0).await;
}

/// A consumer that is closed without a stop, and one that is just dropped.
#[tokio::test]
async fn who_no_longer_consumes_no_longer_listens() {
    let database = Database::new().await;
    for orderly in [true, false] {
        let queue = database.queue().await;
        queue.push("consumed").await.unwrap();
        next(&queue).await;
        database.wait_for_sessions(LISTENING, 1).await;
        if orderly {
            queue.close().await.unwrap();
        } else {
            drop(queue);
        }
        database.wait_for_sessions(LISTENING, 0).await;
    }
}

/// With a single connection there is none to spare for listening.
#[tokio::test]
async fn one_connection_is_enough() {
    let database = Database::new().await;
    let pool =
        sqlx::postgres::PgPoolOptions::new().max_connections(1).connect(&database.url()).await.unwrap();
    let queue = PostgresQueue::new(pool, "jobs");
    queue.create().await.unwrap();
    let (job, pushed) = tokio::join!(next(&queue), push_from_elsewhere(&database, &queue));
    assert_eq!(job.id, pushed);
    queue.close().await.unwrap();
}
