use std::time::Duration;

use ebbtide::queue::{Queue, Settled, Settlement};

use super::place::{GROUP, Place};
use crate::support::{fetch_for, next};

async fn add(place: &Place, fields: &[&str]) -> String {
    let mut command = redis::cmd("XADD");
    command.arg(&place.name).arg("*").arg(fields).query_async(&mut place.connection().await).await.unwrap()
}

#[tokio::test]
async fn a_job_that_another_program_pushed_keeps_its_other_fields() {
    let place = Place::new();
    // Before there is a group: what was pushed first waits for it.
    let id = add(&place, &["trace", "00-4bf9", "payload", "job", "payload-type", "text"]).await;
    let queue = place.open().await;
    let job = next(&queue).await;
    assert_eq!((&*job.id, &*job.payload, job.attempt), (&*id, b"job".as_slice(), 1));
    assert_eq!(queue.settle(&job.receipt, Settlement::HandBack).await.unwrap(), Settled::Done);
    let job = next(&queue).await;
    let retry = Settlement::Retry { after: Duration::from_millis(1), error: String::new() };
    assert_eq!(queue.settle(&job.receipt, retry).await.unwrap(), Settled::Done);
    let job = next(&queue).await;
    assert_eq!((&*job.id, job.attempt), (&*id, 2));
    let bury = Settlement::Bury { error: "no".to_owned() };
    assert_eq!(queue.settle(&job.receipt, bury).await.unwrap(), Settled::Done);
    let buried = place.buried().await;
    assert_eq!(
        (&*buried[0]["trace"], &*buried[0]["payload-type"]),
        (b"00-4bf9".as_slice(), b"text".as_slice())
    );
}

#[tokio::test]
async fn an_entry_that_is_no_job_is_buried_and_holds_nobody_up() {
    let place = Place::new();
    let queue = place.open().await;
    add(&place, &["body", "who knows"]).await;
    add(&place, &["payload", "job", "ebbtide-tries", "minus one"]).await;
    let job = next(&queue).await;
    assert_eq!((&*job.payload, job.attempt), (b"job".as_slice(), 1));
    assert_eq!(queue.settle(&job.receipt, Settlement::HandBack).await.unwrap(), Settled::Done);
    let buried = place.buried().await;
    assert_eq!((buried.len(), &*buried[0]["body"]), (1, b"who knows".as_slice()));
}

/// Against the advice: nobody can say any more what was in it.
#[tokio::test]
async fn a_job_that_is_deleted_by_hand_while_it_runs_is_lost_and_held_by_nobody() {
    let place = Place::new();
    let queue = place.open().await;
    for settlement in [Settlement::HandBack, Settlement::Ack] {
        let id = queue.push("job").await.unwrap();
        let job = next(&queue).await;
        let mut delete = redis::cmd("XDEL");
        delete.arg(&place.name).arg(id).query_async::<()>(&mut place.connection().await).await.unwrap();
        let expected = if settlement == Settlement::Ack { Settled::Done } else { Settled::Lost };
        assert_eq!(queue.settle(&job.receipt, settlement).await.unwrap(), expected);
        assert_eq!(place.pending().await, 0);
    }
}

#[tokio::test]
async fn a_stream_that_is_deleted_under_its_consumers_is_made_anew() {
    let place = Place::new();
    let queue = place.open().await;
    queue.push("gone").await.unwrap();
    let gone = next(&queue).await;
    let delete = |connection: redis::aio::MultiplexedConnection| {
        let name = place.name.clone();
        async move { redis::cmd("DEL").arg(name).query_async::<()>(&mut connection.clone()).await.unwrap() }
    };
    delete(place.connection().await).await;
    queue.extend(std::slice::from_ref(&gone.receipt)).await.unwrap();
    assert_eq!(queue.settle(&gone.receipt, Settlement::Ack).await.unwrap(), Settled::Lost);
    // Now while a read blocks on it.
    queue.push("first").await.unwrap();
    assert_eq!(next(&queue).await.payload, b"first");
    let (job, ()) = tokio::join!(next(&queue), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        delete(place.connection().await).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        queue.push("second").await.unwrap();
    });
    assert_eq!(job.payload, b"second");
    assert_eq!(fetch_for(&queue, Duration::from_millis(50)).await, []);
    assert_eq!(GROUP, "workers");
}
