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

/// The interval between two requests that do not wait.
const PAUSE: Duration = Duration::from_millis(200);

/// A job, and until when it is leased.
type Came = (Delivery<SqsReceipt>, Instant);

/// The request for jobs that SQS may still have, and the jobs that arrived for it and were not taken.
///
/// 1. A request is awaited until its response, also if the fetch is dropped: SQS continues it after its client has
///    disconnected, and the jobs that it delivers then stay leased without an owner.
/// 2. There is one request at a time, for at most as many jobs as the fetch that made it had room for.
#[derive(Debug, Default)]
pub(super) struct Polls {
    /// In a separate task, which continues without the fetch, and ends with the queue.
    open: JoinSet<Result<Vec<Came>, SqsQueueError>>,
    came: VecDeque<Came>,
}

impl Polls {
    /// Waits until there is a job to take. Returns false if the token is stopping.
    ///
    /// # Cancel safety
    ///
    /// The next call returns the jobs of the request.
    pub(super) async fn wait(&mut self, link: &Link, max: usize, stop: &Stop) -> Result<bool, SqsQueueError> {
        while !stop.is_stopping() {
            let now = clock::now();
            // The lease of jobs that waited here for too long has expired.
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

    /// Takes up to `max` of the waiting jobs.
    pub(super) fn take(&mut self, max: usize) -> Vec<Delivery<SqsReceipt>> {
        let count = max.min(self.came.len());
        self.came.drain(..count).map(|(delivery, _)| delivery).collect()
    }

    /// Waits until SQS has no request of this consumer any more.
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
