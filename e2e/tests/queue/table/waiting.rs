//! Who waits for a job is woken by what makes one due, and by the stop.

use std::time::Duration;

use ebbtide::queue::{Queue as _, Settled, Settlement};
use ebbtide_sqlx::NewJob;

use super::{Place, Rows as _};
use crate::support::{ERROR, LONG, next, no_jobs_for, now, source, stop};

pub(crate) async fn the_stop_ends_the_waiting_and_nothing_is_taken_behind_it<P: Place>(place: &P) {
    let queue = place.queue().await.polled(LONG);
    let source = source();
    let token = source.token();
    let (jobs, ()) = tokio::join!(queue.fetch(8, &token), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        stop(&source);
    });
    assert!(jobs.unwrap().is_empty());

    queue.pushed("for the next consumer").await;
    assert!(queue.fetch(8, &token).await.unwrap().is_empty());
    assert_eq!(queue.counted().await.waiting, 1);
}

pub(crate) async fn the_stop_ends_the_waiting_for_a_connection_too<P: Place>(place: &P) {
    let queue = place.queue().await;
    queue.pushed("not taken").await;
    let held = P::hold_all(&queue).await;
    no_jobs_for(&queue, 50).await;
    drop(held);
    assert_eq!(queue.counted().await.waiting, 1);

    // Also between two looks at a queue that has nothing to give.
    assert_eq!(next(&queue).await.payload, b"not taken");
    let queue = queue.polled(Duration::from_millis(10));
    let source = source();
    let token = source.token();
    let stopping = async {
        let held = P::hold_all(&queue).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        stop(&source);
        held
    };
    let fetching = tokio::time::timeout(Duration::from_secs(10), queue.fetch(1, &token));
    let (jobs, _held) = tokio::join!(fetching, stopping);
    assert!(jobs.unwrap().unwrap().is_empty());
}

pub(crate) async fn a_push_wakes_who_waits_for_it<P: Place>(place: &P) {
    let queue = place.queue().await.polled(LONG);
    let (job, pushed) = tokio::join!(next(&queue), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        queue.pushed("woken").await
    });
    assert_eq!(job.id, pushed.to_string());
}

pub(crate) async fn a_delay_is_kept_and_ends_without_anybody_looking<P: Place>(place: &P) {
    let queue = place.queue().await.polled(LONG);
    let delay = Duration::from_millis(400);
    let began = now();
    let id = queue.pushed(NewJob::new("later").after(delay)).await;
    queue.pushed("at once").await;
    assert_eq!(next(&queue).await.payload, b"at once");
    assert_eq!(next(&queue).await.id, id.to_string());
    assert!(began.elapsed() >= delay, "{:?}", began.elapsed());
}

pub(crate) async fn a_retry_waits_for_its_time_and_counts<P: Place>(place: &P) {
    let queue = place.queue().await.polled(LONG);
    queue.pushed("fails").await;
    let job = next(&queue).await;
    let (began, after) = (now(), Duration::from_millis(400));
    let retry = Settlement::Retry { after, error: ERROR.to_owned() };
    assert_eq!(queue.settle(&job.receipt, retry).await.unwrap(), Settled::Done);
    let again = next(&queue).await;
    assert!(began.elapsed() >= after, "{:?}", began.elapsed());
    assert_eq!((again.id, again.attempt), (job.id, 2));
}

pub(crate) async fn what_is_handed_back_is_first_again_wakes_who_waits_and_does_not_count<P: Place>(
    place: &P,
) {
    let queue = place.queue().await.polled(LONG);
    for payload in ["first", "second"] {
        queue.pushed(payload).await;
    }
    let first = next(&queue).await;
    assert_eq!(queue.settle(&first.receipt, Settlement::HandBack).await.unwrap(), Settled::Done);
    let again = next(&queue).await;
    assert_eq!((&again.id, again.attempt), (&first.id, 1));
    assert_eq!(next(&queue).await.payload, b"second");

    let (job, settled) = tokio::join!(next(&queue), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        queue.settle(&again.receipt, Settlement::HandBack).await.unwrap()
    });
    assert_eq!((job.id, job.attempt, settled), (first.id, 1, Settled::Done));
}
