//! Tests specific to SQLite: a push joins a transaction and is found by other processes; a fetch stays fast in a large table;
//! one writer at a time; and a lease that is not atomic.

use std::time::Duration;

use ebbtide::queue::{Queue as _, Settled, Settlement};
use ebbtide_sqlx::{NewJob, SqliteQueue, SqliteQueueError};
use futures_util::future::{join, join_all};
use tokio::sync::Barrier;

use super::place::File;
use crate::support::{LONG, fetch_for, next, now, source};
use crate::table::{Place as _, times};

// Pushes in a transaction or from another process, and fast fetches.

#[tokio::test]
async fn a_job_is_stored_with_the_transaction_it_belongs_to_or_not_at_all() {
    let file = File::new().await;
    let queue = file.queue().await;
    let mut transaction = queue.pool().begin_with("BEGIN IMMEDIATE").await.unwrap();
    queue.push_in(&mut transaction, "of an order that was not stored").await.unwrap();
    transaction.rollback().await.unwrap();
    assert_eq!(queue.counts().await.unwrap().waiting, 0);

    let mut transaction = queue.pool().begin_with("BEGIN IMMEDIATE").await.unwrap();
    let id = queue.push_in(&mut transaction, "of an order that was stored").await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(next(&queue).await.id, id.to_string());
}

#[tokio::test]
async fn after_the_commit_of_a_push_the_waiting_consumer_can_be_woken() {
    let file = File::new().await;
    let queue = file.queue().await.poll_every(LONG);
    let (job, ()) = tokio::join!(next(&queue), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let mut transaction = queue.pool().begin_with("BEGIN IMMEDIATE").await.unwrap();
        queue.push_in(&mut transaction, "woken after the commit").await.unwrap();
        transaction.commit().await.unwrap();
        queue.wake();
    });
    assert_eq!(job.payload, b"woken after the commit");
}

#[tokio::test]
async fn a_push_of_another_process_is_found_by_polling() {
    let file = File::new().await;
    let queue = file.queue().await.poll_every(Duration::from_millis(50));
    let other = file.queue().await;
    let push = async || {
        tokio::time::sleep(Duration::from_millis(100)).await;
        other.push("from elsewhere").await.unwrap()
    };
    let (job, pushed) = tokio::join!(next(&queue), push());
    assert_eq!(job.id, pushed.to_string());

    // The opposite: a consumer that never polls finds nothing.
    let blind = queue.clone().poll_every(LONG);
    let (jobs, _) = tokio::join!(fetch_for(&blind, Duration::from_millis(400)), push());
    assert!(jobs.is_empty());
}

#[tokio::test]
async fn queues_of_one_pool_take_turns() {
    let file = File::new().await;
    // Without a busy timeout, a conflict with another writer fails at once.
    let emails = SqliteQueue::new(file.pool(Duration::ZERO).await, "emails");
    emails.create().await.unwrap();
    let invoices = emails.named("invoices");
    for number in 0..200 {
        let job = number.to_string();
        let (email, invoice) = tokio::join!(emails.push(job.clone()), invoices.push(job));
        assert!(email.is_ok() && invoice.is_ok(), "{email:?} {invoice:?}");
    }
    assert_eq!(next(&invoices).await.payload, b"0");
    assert_eq!(emails.counts().await.unwrap().waiting, 200);
}

#[tokio::test]
async fn a_missing_table_is_an_error_that_names_the_table() {
    let file = File::new().await;
    let queue = SqliteQueue::new(file.pool(Duration::from_secs(1)).await, "jobs");
    let error = queue.push("too early").await.unwrap_err();
    assert!(matches!(error, SqliteQueueError::NoTable { .. }), "{error:?}");
    assert!(error.to_string().contains("table `ebbtide_jobs` does not exist"), "{error}");
    let nowhere = SqliteQueue::open("/nonexistent/jobs.db", "jobs").await.unwrap_err();
    assert!(nowhere.to_string().contains("/nonexistent/jobs.db"), "{nowhere}");
}

#[tokio::test]
async fn an_id_is_never_reused() {
    let file = File::new().await;
    let queue = file.queue().await;
    assert_eq!(settled_by_the_receipt_of_another(&queue).await, Settled::Lost);

    // The opposite: if SQLite reuses ids, an old receipt settles another job.
    let file = File::new().await;
    let pool = file.pool(Duration::from_secs(1)).await;
    let made = file.queue().await;
    let schema: String = sqlx::query_scalar("SELECT sql FROM sqlite_schema WHERE name = 'ebbtide_jobs'")
        .fetch_one(&pool)
        .await
        .unwrap();
    sqlx::query("DROP TABLE ebbtide_jobs").execute(&pool).await.unwrap();
    let schema = sqlx::AssertSqlSafe(schema.replace("AUTOINCREMENT", ""));
    sqlx::query(schema).execute(&pool).await.unwrap();
    assert_eq!(settled_by_the_receipt_of_another(&made).await, Settled::Done);
}

async fn settled_by_the_receipt_of_another(queue: &SqliteQueue) -> Settled {
    queue.push("done").await.unwrap();
    let done = next(queue).await.receipt;
    assert_eq!(queue.settle(&done, Settlement::Ack).await.unwrap(), Settled::Done);
    queue.push("not done").await.unwrap();
    next(queue).await;
    queue.settle(&done, Settlement::Ack).await.unwrap()
}

#[tokio::test]
async fn a_hundred_thousand_jobs_do_not_slow_the_next_fetch() {
    let file = File::new().await;
    let queue = file.queue().await;
    // One third each is delayed, leased and dead-lettered. All of them are older than the jobs to be found.
    let fill = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 99999)
        INSERT INTO ebbtide_jobs (queue, payload, pushed_at, due_at, leased, dead_lettered_at)
        SELECT 'jobs', zeroblob(200), 0,
            CASE i % 3 WHEN 0 THEN NULL ELSE 4102444800000 END, i % 3 = 1, CASE i % 3 WHEN 0 THEN 1 END FROM n";
    sqlx::query(fill).execute(queue.pool()).await.unwrap();
    let with = fastest_of_twenty(&queue).await;
    sqlx::query("DROP INDEX ebbtide_jobs_due").execute(queue.pool()).await.unwrap();
    let without = fastest_of_twenty(&queue).await;
    assert!(with * 5 < without, "with the index {with:?}, without it {without:?}");
    let counts = queue.counts().await.unwrap();
    assert_eq!((counts.waiting, counts.leased, counts.dead_lettered), (33_333, 33_333, 33_334));
}

/// Pushes, fetches and acknowledges twenty jobs, one by one, and returns the shortest time. Other load on the machine can make
/// jobs slower but not faster.
async fn fastest_of_twenty(queue: &SqliteQueue) -> Duration {
    let mut fastest = LONG;
    for _ in 0..20 {
        let began = now();
        let id = queue.push(NewJob::new("next")).await.unwrap();
        let job = next(queue).await;
        assert_eq!(job.id, id.to_string());
        assert_eq!(queue.settle(&job.receipt, Settlement::Ack).await.unwrap(), Settled::Done);
        fastest = fastest.min(began.elapsed());
    }
    fastest
}

// One writer at a time.

#[tokio::test]
async fn a_database_locked_by_another_writer_is_an_error_and_loses_nothing() {
    let file = File::new().await;
    let queue = SqliteQueue::new(file.pool(Duration::from_millis(50)).await, "jobs");
    queue.create().await.unwrap();
    queue.push("settled in the end").await.unwrap();
    queue.push("delivered in the end").await.unwrap();
    let job = next(&queue).await;

    let other = file.pool(Duration::from_secs(1)).await;
    let writing = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let busy = |error: ebbtide::BoxError| {
        let error = error.downcast::<SqliteQueueError>().unwrap();
        assert!(matches!(*error, SqliteQueueError::Busy { .. }), "{error:?}");
        assert!(error.to_string().contains("busy_timeout"), "{error}");
    };
    busy(queue.settle(&job.receipt, Settlement::Ack).await.unwrap_err());
    busy(queue.fetch(1, &ebbtide::Stop::never()).await.unwrap_err());
    busy(queue.push("not pushed").await.unwrap_err().into());
    busy(queue.extend(&[job.receipt]).await.unwrap_err());
    writing.rollback().await.unwrap();

    assert_eq!(queue.settle(&job.receipt, Settlement::Ack).await.unwrap(), Settled::Done);
    assert_eq!(next(&queue).await.payload, b"delivered in the end");
    let counts = queue.counts().await.unwrap();
    assert_eq!((counts.waiting, counts.leased, counts.dead_lettered), (0, 1, 0));
}

/// A consumer that only polls does not write, so it does not conflict with the transaction.
#[tokio::test]
async fn an_idle_consumer_waits_beside_a_long_transaction() {
    let file = File::new().await;
    let pool = file.pool(Duration::from_millis(20)).await;
    let queue = SqliteQueue::new(pool, "jobs").poll_every(Duration::from_millis(10));
    queue.create().await.unwrap();
    let other = file.pool(Duration::from_secs(1)).await;
    let stop = source();
    let token = stop.token();
    let (jobs, ()) = tokio::join!(queue.fetch(1, &token), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let writing = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
        drop(writing);
        stop.cancel();
    });
    assert!(jobs.unwrap().is_empty());
}

// The opposite of an atomic lease: a consumer selects first and updates later.

#[tokio::test]
async fn the_opposite_select_then_update_runs_jobs_twice() {
    let file = File::new().await;
    let queue = file.queue().await;
    join_all((0..20).map(|number| queue.push(number.to_string()))).await;
    let looked = Barrier::new(2);
    let (first, second) = join(looks_and_takes(&queue, &looked), looks_and_takes(&queue, &looked)).await;
    let ran = times(vec![first, second]);
    assert_eq!((ran.len(), ran.values().max()), (7, Some(&2)));
}

async fn looks_and_takes(queue: &SqliteQueue, looked: &Barrier) -> Vec<String> {
    let free = "SELECT CAST(id AS TEXT) FROM ebbtide_jobs WHERE NOT leased LIMIT 7";
    let ids: Vec<String> = sqlx::query_scalar(free).fetch_all(queue.pool()).await.unwrap();
    looked.wait().await;
    for id in &ids {
        let take = sqlx::query("UPDATE ebbtide_jobs SET leased = 1 WHERE id = CAST(?1 AS INTEGER)").bind(id);
        take.execute(queue.pool()).await.unwrap();
    }
    ids
}
