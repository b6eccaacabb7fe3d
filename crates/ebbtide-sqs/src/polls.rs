use std::collections::VecDeque;
use std::time::{Duration, Instant};

use ebbtide::adapter::clock;
use ebbtide::drain::Stop;
use ebbtide::queue::Delivery;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::error::SqsQueueError;
use super::link::Link;
use super::settle::{SqsReceipt, deliver};

/// How long to wait between two requests that don't wait themselves.
const PAUSE: Duration = Duration::from_millis(200);

/// A job, and until when it is ours.
type Came = (Delivery<SqsReceipt>, Instant);

/// The request for jobs that SQS may still have, and what came for it and was not taken.
///
/// 1. A request that was made is waited for until it is answered, whatever becomes of the fetch: SQS goes on with it when its
///    client is gone, and what it gives out then lies under a lease that nobody knows of.
/// 2. There is one at a time, for no more than the fetch that made it had room for.
#[derive(Debug, Default)]
pub(super) struct Polls {
    /// In a task of its own, which goes on without the fetch, and ends with the queue.
    open: JoinSet<Result<Vec<Came>, SqsQueueError>>,
    came: VecDeque<Came>,
}

impl Polls {
    /// Waits until there is something to take; `false` when it is stopping.
    ///
    /// # Cancel safety
    ///
    /// What the request brings is there for the next call.
    pub(super) async fn wait(&mut self, link: &Link, max: usize, stop: &Stop) -> Result<bool, SqsQueueError> {
        while !stop.is_stopping() {
            let now = clock::now();
            // What lay here for too long is somebody else's by now.
            self.came.retain(|(_, until)| *until > now);
            if !self.came.is_empty() {
                return Ok(true);
            }
            if self.open.is_empty() {
                self.ask(link.clone(), max);
            }
            if stop.unless_stopping(self.answered()).await.transpose()?.is_none() {
                return Ok(false);
            }
            if self.came.is_empty() && link.poll.is_zero() {
                let _stopping = stop.unless_stopping(sleep(PAUSE)).await;
            }
        }
        Ok(false)
    }

    /// Takes up to so many of what is there.
    pub(super) fn take(&mut self, max: usize) -> Vec<Delivery<SqsReceipt>> {
        let count = max.min(self.came.len());
        self.came.drain(..count).map(|(delivery, _)| delivery).collect()
    }

    /// Waits until SQS has no request of ours any more.
    pub(super) async fn answered(&mut self) -> Result<(), SqsQueueError> {
        while let Some(ended) = self.open.join_next().await {
            match ended {
                Ok(came) => self.came.extend(came?),
                Err(failed) => return Err(SqsQueueError::unreachable("receive jobs", failed.into())),
            }
        }
        Ok(())
    }

    fn ask(&mut self, link: Link, max: usize) {
        self.open.spawn(async move {
            let (messages, since) = link.receive(max).await?;
            let deliver =
                |message| Some((deliver(message, since, link.lease)?, clock::after(since, link.lease)));
            Ok(messages.into_iter().filter_map(deliver).collect())
        });
    }
}
