//! One writer at a time.

use std::time::Duration;

use ebbtide::queue::{Queue as _, Settled, Settlement};
use ebbtide_sqlx::{SqliteQueue, SqliteQueueError};

use super::place::File;
use crate::support::next;

#[tokio::test]
async fn that_somebody_else_writes_is_an_error_and_no_loss() {
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
    assert_eq!((counts.waiting, counts.leased, counts.buried), (0, 1, 0));
}

/// Somebody who only looks is no writer: they don't meet.
#[tokio::test]
async fn an_idle_consumer_waits_beside_a_long_transaction() {
    let file = File::new().await;
    let pool = file.pool(Duration::from_millis(20)).await;
    let queue = SqliteQueue::new(pool, "jobs").poll_every(Duration::from_millis(10));
    queue.create().await.unwrap();
    let other = file.pool(Duration::from_secs(1)).await;
    let stop = crate::support::source();
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
