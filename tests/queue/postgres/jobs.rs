//! Tests specific to PostgreSQL: a push joins a transaction; a fetch stays fast in a large table; notifications wake waiting
//! consumers, resume after a reconnect and do not delay a stop; no session is abandoned.

use std::time::Duration;

use ebbtide::BoxError;
use ebbtide::queue::{Queue as _, Settled, Settlement};
use ebbtide_sqlx::{NewJob, PostgresQueue, PostgresQueueError};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio::time::timeout;

use super::place::Database;
use crate::support::{LONG, fetch, fetch_for, next, source, stop};
use crate::table::Place as _;

// Pushes in a transaction, and fast fetches.

#[tokio::test]
async fn a_job_is_stored_with_the_transaction_it_belongs_to_or_not_at_all() {
    let database = Database::new().await;
    let queue = database.queue().await;
    let mut transaction = queue.pool().begin().await.unwrap();
    queue.push_in(&mut transaction, "of an order that was not stored").await.unwrap();
    transaction.rollback().await.unwrap();
    assert_eq!(queue.counts().await.unwrap().waiting, 0);

    let mut transaction = queue.pool().begin().await.unwrap();
    let id = queue.push_in(&mut transaction, "of an order that was stored").await.unwrap();
    assert_eq!(queue.counts().await.unwrap().waiting, 0);
    transaction.commit().await.unwrap();
    assert_eq!(next(&queue).await.id, id.to_string());
}

#[tokio::test]
async fn a_missing_table_is_an_error_that_names_the_table() {
    let database = Database::new().await;
    let queue = PostgresQueue::new(database.pool().await, "jobs");
    let error = queue.push("too early").await.unwrap_err();
    assert!(matches!(error, PostgresQueueError::NoTable { .. }), "{error:?}");
    assert!(error.to_string().contains("table `ebbtide_jobs` does not exist"), "{error}");
}

/// A fetch skips a row that another transaction has locked, for example to settle it.
#[tokio::test]
async fn a_locked_row_blocks_no_consumer() {
    let database = Database::new().await;
    let queue = database.queue().await;
    for payload in ["locked", "free"] {
        queue.push(payload).await.unwrap();
    }
    let mut transaction = queue.pool().begin().await.unwrap();
    let lock = sqlx::query("SELECT id FROM ebbtide_jobs ORDER BY id LIMIT 1 FOR UPDATE");
    lock.execute(&mut *transaction).await.unwrap();
    assert_eq!(next(&queue).await.payload, b"free");
    transaction.rollback().await.unwrap();
    assert_eq!(next(&queue).await.payload, b"locked");
}

#[tokio::test]
async fn an_unavailable_server_is_an_error_and_the_consumer_recovers() -> Result<(), BoxError> {
    let database = Database::new().await;
    let queue = database.queue().await;
    queue.push("settled in the end").await?;
    let job = next(&queue).await;
    // Every connection of the pool is terminated. A call on a broken one returns an error, and the next one is new.
    assert!(database.terminate("%").await > 0);
    let mut settled = queue.settle(&job.receipt, Settlement::Ack).await;
    while let Err(error) = settled {
        assert!(error.is::<PostgresQueueError>(), "{error:?}");
        settled = queue.settle(&job.receipt, Settlement::Ack).await;
    }
    assert_eq!(settled?, Settled::Done);

    let nowhere = PgPoolOptions::new()
        .acquire_timeout(Duration::from_millis(200))
        .connect_lazy("postgres://postgres@127.0.0.1:1/nowhere")?;
    let error = PostgresQueue::new(nowhere, "jobs").push("nowhere").await.unwrap_err();
    assert!(error.to_string().contains("no connection available from the pool"), "{error}");
    Ok(())
}

/// Compares the numbers of rows that the server reports as read, not times.
#[tokio::test]
async fn a_hundred_thousand_jobs_do_not_slow_the_next_fetch() {
    let database = Database::new().await;
    let queue = database.queue().await;
    // The statements are planned while the table is small.
    work_off_twenty(&queue).await;
    // One third each is delayed, leased and dead-lettered. All of them are older than the jobs to be found.
    let fill = "INSERT INTO ebbtide_jobs (queue, payload, due_at, leased, dead_lettered_at)
        SELECT 'jobs', decode(repeat('00', 200), 'hex'),
            CASE i % 3 WHEN 0 THEN NULL ELSE now() + interval '1 year' END,
            i % 3 = 1, CASE i % 3 WHEN 0 THEN now() END FROM generate_series(0, 99999) AS i";
    sqlx::query(fill).execute(queue.pool()).await.unwrap();
    work_off_twenty(&queue).await;
    queue.close().await.unwrap();
    let with = database.rows_passed_by(queue).await;

    let queue = database.queue().await;
    sqlx::query("DROP INDEX ebbtide_jobs_due").execute(queue.pool()).await.unwrap();
    work_off_twenty(&queue).await;
    queue.close().await.unwrap();
    let without = database.rows_passed_by(queue).await - with;
    assert!(with < 100_000, "with the index {with} rows, without it {without}");
    assert!(without >= 20 * 100_000, "with the index {with} rows, without it {without}");

    let counts = database.queue().await.counts().await.unwrap();
    assert_eq!((counts.waiting, counts.leased, counts.dead_lettered), (33_333, 33_333, 33_334));
}

/// A backlog of a hundred thousand due jobs, fetched from the front.
#[tokio::test]
async fn a_hundred_thousand_due_jobs_are_leased_from_the_front() {
    let database = Database::new().await;
    let queue = database.queue().await;
    let fill = "INSERT INTO ebbtide_jobs (queue, payload, due_at)
        SELECT 'jobs', ''::bytea, now() FROM generate_series(1, 100000)";
    sqlx::query(fill).execute(queue.pool()).await.unwrap();
    let ids: Vec<i64> = fetch(&queue, 50).await.iter().map(|job| job.receipt.id()).collect();
    assert_eq!(ids, (1..=50).collect::<Vec<_>>());
    let counts = queue.counts().await.unwrap();
    assert_eq!((counts.waiting, counts.leased, counts.dead_lettered), (99_950, 50, 0));
}

/// Pushes, fetches and acknowledges twenty jobs, one by one.
async fn work_off_twenty(queue: &PostgresQueue) {
    for _ in 0..20 {
        let id = queue.push(NewJob::new("next")).await.unwrap();
        let job = next(queue).await;
        assert_eq!(job.id, id.to_string());
        assert_eq!(queue.settle(&job.receipt, Settlement::Ack).await.unwrap(), Settled::Done);
    }
}

// Notifications.

const LISTENING: &str = "LISTEN%";

/// Pushes through another pool when a consumer listens.
async fn push_from_elsewhere(database: &Database, other: &PostgresQueue) -> String {
    database.wait_for_sessions(LISTENING, 1).await;
    // LISTEN takes effect when the statement ends, and the consumer polls once more then. After the pause, only the
    // notification can wake it.
    tokio::time::sleep(Duration::from_millis(100)).await;
    other.push("from elsewhere").await.unwrap().to_string()
}

#[tokio::test]
async fn a_push_of_another_process_wakes_a_waiting_consumer() {
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

    // The opposite: without a notification, a consumer that never polls finds nothing.
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
async fn a_disconnected_listener_listens_again() {
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

    // A job that was pushed while no consumer listened is found when one listens again.
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

/// One consumer is closed without a stop, and another is only dropped.
#[tokio::test]
async fn a_closed_or_dropped_consumer_no_longer_listens() {
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

/// With a single connection, none is available for LISTEN.
#[tokio::test]
async fn one_connection_is_enough() {
    let database = Database::new().await;
    let pool = PgPoolOptions::new().max_connections(1).connect(&database.url()).await.unwrap();
    let queue = PostgresQueue::new(pool, "jobs");
    queue.create().await.unwrap();
    let (job, pushed) = tokio::join!(next(&queue), push_from_elsewhere(&database, &queue));
    assert_eq!(job.id, pushed);
    queue.close().await.unwrap();
}

// A call that is stopped or dropped while it connects leaves no session that the server counts as abandoned.

/// The number of different times at which the call is abandoned. Connecting takes a few milliseconds.
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

/// The opposite: a connection attempt is simply dropped.
#[tokio::test]
async fn the_opposite_dropping_a_half_made_connection_abandons_a_session() {
    let database = Database::new().await;
    let abandoned = given_up(&database, async |pool, time| {
        let _dropped = timeout(time, pool.acquire()).await;
    });
    assert_ne!(abandoned.await, 0);
}
