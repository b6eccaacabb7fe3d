//! What is pushed is stored.

use ebbtide::queue::{Settled, Settlement};
use ebbtide_sqlx::JobState;
use futures_util::future::join_all;

use super::{Place, Rows as _};
use crate::support::{fetch, next, no_jobs_for};

pub(crate) async fn what_was_pushed_outlives_the_pool_and_is_delivered_in_order<P: Place>(place: &P) {
    use ebbtide::queue::Queue as _;

    let queue = place.queue().await;
    let mut ids = Vec::new();
    for payload in ["first", "second", "third"] {
        ids.push(queue.pushed(payload).await.to_string());
    }
    P::close(queue).await;
    let queue = place.queue().await;
    let jobs = fetch(&queue, 10).await;
    assert_eq!(jobs.iter().map(|job| job.id.clone()).collect::<Vec<_>>(), ids);
    assert_eq!(jobs[2].payload, b"third");
    for job in &jobs {
        assert_eq!(job.attempt, 1);
        assert_eq!(queue.settle(&job.receipt, Settlement::Ack).await.unwrap(), Settled::Done);
    }
    let counts = queue.counted().await;
    assert_eq!((counts.waiting, counts.leased, counts.buried), (0, 0, 0));
}

pub(crate) async fn queues_in_one_table_know_nothing_of_each_other<P: Place>(place: &P) {
    let (emails, invoices) = (place.queue_named("emails").await, place.queue_named("invoices").await);
    invoices.pushed("invoice").await;
    assert_eq!(emails.counted().await.waiting, 0);
    no_jobs_for(&emails, 300).await;
    assert_eq!(next(&invoices).await.payload, b"invoice");
}

pub(crate) async fn many_who_push_at_once_each_get_the_id_of_their_own_job<P: Place>(place: &P) {
    let queue = place.queue().await;
    let push = async |number: i32| (queue.pushed(number.to_string()).await, number);
    let mut pushed = join_all((0..500).map(push)).await;
    pushed.sort_unstable();
    let stored = queue.listed(JobState::Waiting).await;
    let number = |payload: &[u8]| String::from_utf8_lossy(payload).parse::<i32>().unwrap();
    let mut stored: Vec<_> = stored.iter().map(|job| (job.id, number(&job.payload))).collect();
    stored.sort_unstable();
    assert_eq!(stored, pushed);
}

pub(crate) async fn several_may_make_the_table_at_the_same_time<P: Place>(place: &P) {
    for _ in 0..8 {
        let queues = place.several_make_it(6).await;
        join_all(queues.iter().map(|queue| queue.pushed("made"))).await;
        assert_eq!(queues[0].counted().await.waiting, 6);
        join_all(queues.into_iter().map(P::close)).await;
    }
}
