//! What is pushed is stored with what it belongs to, and found quickly.

use std::time::Duration;

use ebbtide::BoxError;
use ebbtide::queue::{Queue as _, Settled, Settlement};
use ebbtide_sqlx::NewJob;
use ebbtide_sqlx::{PostgresQueue, PostgresQueueError};

use super::place::Database;
use crate::support::{fetch, next};
use crate::table::Place as _;

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
async fn a_missing_table_is_named_and_what_to_do() {
    let database = Database::new().await;
    let queue = PostgresQueue::new(database.pool().await, "jobs");
    let error = queue.push("too early").await.unwrap_err();
    assert!(matches!(error, PostgresQueueError::NoTable { .. }), "{error:?}");
    assert!(error.to_string().contains("PostgresQueue::create"), "{error}");
}

/// Whoever holds a row for a moment, such as somebody who settles it, is passed by.
#[tokio::test]
async fn a_row_that_somebody_has_locked_holds_nobody_up() {
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
async fn a_server_that_is_away_is_an_error_and_then_all_goes_on() -> Result<(), BoxError> {
    let database = Database::new().await;
    let queue = database.queue().await;
    queue.push("settled in the end").await?;
    let job = next(&queue).await;
    // Every connection of the pool dies; those who notice it are told, and the next one is new.
    assert!(database.terminate("%").await > 0);
    let mut settled = queue.settle(&job.receipt, Settlement::Ack).await;
    while let Err(error) = settled {
        assert!(error.is::<PostgresQueueError>(), "{error:?}");
        settled = queue.settle(&job.receipt, Settlement::Ack).await;
    }
    assert_eq!(settled?, Settled::Done);

    let nowhere = sqlx::postgres::PgPoolOptions::new()
        .acquire_timeout(Duration::from_millis(200))
        .connect_lazy("postgres://postgres@127.0.0.1:1/nowhere")?;
    let error = PostgresQueue::new(nowhere, "jobs").push("nowhere").await.unwrap_err();
    assert!(error.to_string().contains("does the server answer?"), "{error}");
    Ok(())
}

/// Counted in rows, of which the server keeps account; not in time.
#[tokio::test]
async fn a_hundred_thousand_jobs_don_t_make_the_next_one_hard_to_find() {
    let database = Database::new().await;
    let queue = database.queue().await;
    // The plans are made while the table is small.
    work_off_twenty(&queue).await;
    // A third each is kept back, leased and buried, all of them older than what is to be found.
    let fill = "INSERT INTO ebbtide_jobs (queue, payload, due_at, leased, buried_at)
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
    assert_eq!((counts.waiting, counts.leased, counts.buried), (33_333, 33_333, 33_334));
}

/// A queue that was never empty: a hundred thousand due jobs, worked off from the front.
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
    assert_eq!((counts.waiting, counts.leased, counts.buried), (99_950, 50, 0));
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
