use ebbtide::adapter::clock;
use ebbtide::queue::{Settled, Settlement};
use tokio::task::JoinSet;

use super::builder::whole_seconds;
use super::error::SqsQueueError;
use super::link::{BATCH, Link};
use super::message::with_error;
use super::receipt::{Inner, SqsReceipt, State};

/// Says what becomes of a delivery, unless its lease is over.
pub(super) async fn settle(
    link: &Link,
    receipt: &SqsReceipt,
    settlement: Settlement,
) -> Result<Settled, SqsQueueError> {
    let job = &*receipt.inner;
    let mut state = job.state.lock().await;
    let now = clock::now();
    if state.settled || now >= state.until {
        return Ok(Settled::Lost);
    }
    if let Settlement::Bury { error } = &settlement {
        put_among_the_dead(link, job, &mut state, error).await?;
    }
    let said = match settlement {
        Settlement::Ack | Settlement::Bury { .. } => link.delete(&job.handle).await,
        Settlement::HandBack => link.hide(&job.handle, state.back_after).await,
        Settlement::Retry { after, error: _ } => {
            link.hide(&job.handle, job.at_most(whole_seconds(after), now)).await
        }
    };
    match said {
        Ok(()) => {
            state.settled = true;
            Ok(Settled::Done)
        }
        Err(error) if error.is_gone() => Ok(Settled::Lost),
        Err(error) => Err(error),
    }
}

/// Begins leases anew, of those that are not over and not being settled.
pub(super) async fn extend(link: &Link, receipts: &[SqsReceipt]) -> Result<(), SqsQueueError> {
    let mut words = JoinSet::new();
    for batch in receipts.chunks(BATCH) {
        let (link, batch) = (link.clone(), batch.to_vec());
        words.spawn(async move { extend_up_to_ten(&link, &batch).await });
    }
    let mut failed = None;
    while let Some(said) = words.join_next().await {
        let said = said.map_err(|error| SqsQueueError::unreachable("extend leases", error.into()));
        failed = said.flatten().err().or(failed);
    }
    failed.map_or(Ok(()), Err)
}

/// Keeps their locks while SQS is told: an extension behind a hand-back would hide it again.
async fn extend_up_to_ten(link: &Link, receipts: &[SqsReceipt]) -> Result<(), SqsQueueError> {
    let now = clock::now();
    let held: Vec<_> = receipts
        .iter()
        .filter_map(|receipt| Some((&*receipt.inner, receipt.inner.state.try_lock().ok()?)))
        .filter(|(_, state)| !state.settled && now < state.until)
        .map(|(job, state)| (job, state, job.at_most(link.lease, now)))
        .filter(|(_, _, time)| !time.is_zero())
        .collect();
    if held.is_empty() {
        return Ok(());
    }
    let entries: Vec<_> = held.iter().map(|(job, _, time)| (&*job.handle, *time)).collect();
    let kept = link.hide_all(&entries).await?;
    for ((_, mut state, time), kept) in held.into_iter().zip(kept) {
        if kept {
            state.until = clock::after(now, time);
        }
    }
    Ok(())
}

/// Stores the job where it is looked for, before it is taken from where it is delivered.
async fn put_among_the_dead(
    link: &Link,
    job: &Inner,
    state: &mut State,
    error: &str,
) -> Result<(), SqsQueueError> {
    if state.is_among_the_dead {
        return Ok(());
    }
    let said = with_error(&job.body, &job.attributes, &job.id, error);
    let said = said.map_err(|error| SqsQueueError::unreachable("bury a job", error.into()))?;
    match link.bury(&job.body, said).await {
        // It may take less than the queue that the job came from: rather without the words than not at all.
        Err(error) if error.is_about_the_message() => {
            ebbtide::adapter::log_warn!(job = &*job.id, %error, "a job is buried without the reason");
            link.bury(&job.body, job.attributes.clone()).await?;
        }
        buried => buried?,
    }
    state.is_among_the_dead = true;
    Ok(())
}
