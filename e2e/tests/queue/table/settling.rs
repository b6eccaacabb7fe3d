//! A settlement is carried out for whoever has the job, and only then.

use std::time::Duration;

use ebbtide::queue::{Queue as _, Settled, Settlement};
use ebbtide_sqlx::JobState;
use futures_util::future::join_all;

use super::{Place, Rows as _};
use crate::support::{ERROR, LONG, fetch, fetch_for, next, no_jobs_for};

pub(crate) async fn a_job_whose_lease_ran_out_is_delivered_again_and_no_longer_ours_to_settle<P: Place>(
    place: &P,
) {
    let killed = place.queue().await.leased_for(Duration::from_millis(200));
    killed.pushed("held by who was killed").await;
    let lost = next(&killed).await;
    // Nobody tells: it is found at the lease's end, by the database's clock.
    let other = place.queue().await.polled(LONG);
    let again = next(&other).await;
    assert_eq!((&again.id, again.attempt), (&lost.id, 2));
    let all = [
        Settlement::Ack,
        Settlement::HandBack,
        Settlement::Retry { after: Duration::ZERO, error: ERROR.to_owned() },
        Settlement::Bury { error: ERROR.to_owned() },
    ];
    for settlement in all {
        assert_eq!(killed.settle(&lost.receipt, settlement).await.unwrap(), Settled::Lost);
    }
    killed.extend(&[lost.receipt]).await.unwrap();
    assert_eq!(other.settle(&again.receipt, Settlement::Ack).await.unwrap(), Settled::Done);
    assert_eq!(other.settle(&again.receipt, Settlement::Ack).await.unwrap(), Settled::Lost);
}

pub(crate) async fn a_lease_that_is_extended_lasts<P: Place>(place: &P) {
    let lease = Duration::from_secs(2);
    let queue = place.queue().await.leased_for(lease);
    for payload in ["extended", "settled late", "taken by another"] {
        queue.pushed(payload).await;
    }
    let jobs = fetch(&queue, 3).await;
    let other = place.queue().await;
    let (found, ()) = tokio::join!(fetch_for(&other, lease * 3), async {
        for _ in 0..9 {
            tokio::time::sleep(lease / 3).await;
            queue.extend(&[jobs[0].receipt, jobs[1].receipt]).await.unwrap();
        }
    });
    // The opposite: the one that was not extended.
    assert_eq!(found.iter().map(|job| &job.id).collect::<Vec<_>>(), [&jobs[2].id]);
    assert_eq!(queue.settle(&jobs[0].receipt, Settlement::Ack).await.unwrap(), Settled::Done);
    // One whose lease has run out is still settled while nobody else has got it: the work is done, after all.
    tokio::time::sleep(lease * 2).await;
    assert_eq!(queue.counted().await.leased, 1);
    assert_eq!(queue.settle(&jobs[1].receipt, Settlement::Ack).await.unwrap(), Settled::Done);
}

pub(crate) async fn what_is_buried_is_kept_with_its_error_and_can_be_brought_back<P: Place>(place: &P) {
    let queue = place.queue().await;
    for payload in ["revived", "discarded", "revived with all"] {
        queue.pushed(payload).await;
    }
    for job in fetch(&queue, 3).await {
        let bury = Settlement::Bury { error: ERROR.to_owned() };
        assert_eq!(queue.settle(&job.receipt, bury).await.unwrap(), Settled::Done);
    }
    no_jobs_for(&queue, 300).await;
    let buried = queue.listed(JobState::Buried).await;
    assert_eq!(buried.len(), 3);
    assert!(buried.iter().all(|job| job.error.as_deref() == Some(ERROR) && job.attempts == 1), "{buried:?}");
    assert!(buried.iter().all(|job| job.due_at.is_none() && job.buried_at >= Some(job.pushed_at)));

    assert!(queue.revived(buried[0].id).await);
    assert!(!queue.revived(buried[0].id).await);
    let revived = next(&queue).await;
    assert_eq!((&*revived.payload, revived.attempt), (&b"revived"[..], 1));
    assert!(queue.discarded(buried[1].id).await);
    assert!(!queue.discarded(revived.receipt.id()).await);
    assert_eq!(queue.all_revived().await, 1);
    let counts = queue.counted().await;
    assert_eq!((counts.waiting, counts.leased, counts.buried), (1, 1, 0));
}

/// What the database cannot store must not hold up the settlements of others.
pub(crate) async fn an_error_that_no_text_can_hold_is_kept_as_far_as_it_can_be<P: Place>(place: &P) {
    let queue = place.queue().await;
    queue.pushed("fails oddly").await;
    let job = next(&queue).await;
    let bury = Settlement::Bury { error: "before\0behind".to_owned() };
    assert_eq!(queue.settle(&job.receipt, bury).await.unwrap(), Settled::Done);
    let buried = queue.listed(JobState::Buried).await;
    assert_eq!(buried[0].error.as_deref(), Some("before\u{FFFD}behind"));
}

pub(crate) async fn many_settlements_at_once_each_get_their_own_answer<P: Place>(place: &P) {
    let queue = place.queue().await;
    join_all((0..400).map(|number| queue.pushed(number.to_string()))).await;
    let jobs = fetch(&queue, 400).await;
    assert_eq!(jobs.len(), 400);
    for job in jobs.iter().step_by(8) {
        assert_eq!(queue.settle(&job.receipt, Settlement::Ack).await.unwrap(), Settled::Done);
    }
    let settle = async |(index, job): (usize, &ebbtide::queue::Delivery<_>)| {
        let error = ERROR.to_owned();
        let settlement = match index % 4 {
            0 => Settlement::Ack,
            1 => Settlement::HandBack,
            2 => Settlement::Retry { after: LONG, error },
            _ => Settlement::Bury { error },
        };
        (index, queue.settle(&job.receipt, settlement).await.unwrap())
    };
    for (index, settled) in join_all(jobs.iter().enumerate().map(settle)).await {
        let expected = if index % 8 == 0 { Settled::Lost } else { Settled::Done };
        assert_eq!(settled, expected, "{index}");
    }
    let counts = queue.counted().await;
    assert_eq!((counts.waiting, counts.leased, counts.buried), (200, 0, 100));
}
