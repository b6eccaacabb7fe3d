use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use async_nats::jetstream::Message;
use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::consumer::pull::Batch;
use ebbtide::adapter::clock;
use ebbtide::model::part;
use futures_core::Stream as _;

use super::error::NatsQueueError;

/// How long the server keeps a request, at most. A request cannot be cancelled, so a shutdown may wait this long.
const LONGEST: Duration = Duration::from_secs(1);

/// How much longer to wait for the server's message that a request has ended: it is lost with a connection.
const SLACK: Duration = Duration::from_secs(2);

/// The requests for jobs that the server still has.
///
/// 1. Together they ask for at most as many jobs as the last fetch did: each job that arrives has a place.
/// 2. A request is read until the server has ended it, also if the fetch is dropped: the jobs that the server sends
///    for it are leased to this consumer.
#[derive(Debug, Default)]
pub(super) struct Pulls {
    open: Vec<Pull>,
}

struct Pull {
    batch: Batch,
    /// How many jobs it may still deliver.
    left: usize,
    /// When to give up waiting for it.
    until: Instant,
    /// The last time at which no message was waiting: a later message arrived after it.
    since: Instant,
}

/// A job, and the earliest time at which its lease may have begun.
pub(super) type Came = (Message, Instant);

impl Pulls {
    /// Returns how many jobs the server may still send.
    pub(super) fn left(&self) -> usize {
        self.open.iter().map(|pull| pull.left).sum()
    }

    /// Requests this many more jobs. The first one waits at most a quarter of its lease for the end of the request.
    pub(super) async fn ask(
        &mut self,
        consumer: &PullConsumer,
        count: usize,
        lease: Duration,
    ) -> Result<(), NatsQueueError> {
        let (since, expires) = (clock::now(), LONGEST.min(part(lease, 1, 4)));
        let batch = consumer.batch().max_messages(count).expires(expires).messages().await;
        let batch = batch.map_err(NatsQueueError::when("request jobs"))?;
        self.open.push(Pull {
            batch,
            left: count,
            until: clock::after(since, expires.saturating_add(SLACK)),
            since,
        });
        Ok(())
    }

    /// Waits for the next job; `None` when the server has no request left.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Option<Result<Came, NatsQueueError>> {
        let until = self.open.iter().map(|pull| pull.until).max()?;
        let next = poll_fn(|cx| self.poll_next(cx));
        tokio::time::timeout_at(until.into(), next).await.unwrap_or_else(|elapsed| {
            // The message was lost with a connection, or the consumer no longer exists, which the server does not
            // report.
            self.open.clear();
            Some(Err(NatsQueueError::when("receive jobs")(elapsed)))
        })
    }

    /// Returns a job that has already arrived.
    pub(super) async fn ready(&mut self) -> Option<Result<Came, NatsQueueError>> {
        poll_fn(|cx| match self.poll_next(cx) {
            Poll::Ready(came) => Poll::Ready(came),
            Poll::Pending => Poll::Ready(None),
        })
        .await
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Came, NatsQueueError>>> {
        let mut at = 0;
        while let Some(pull) = self.open.get_mut(at) {
            let now = clock::now();
            match Pin::new(&mut pull.batch).poll_next(cx) {
                Poll::Ready(Some(Ok(message))) => {
                    pull.left = pull.left.saturating_sub(1);
                    return Poll::Ready(Some(Ok((message, pull.since))));
                }
                Poll::Ready(Some(Err(error))) => {
                    self.open.remove(at);
                    return Poll::Ready(Some(Err(NatsQueueError::when("receive jobs")(error))));
                }
                Poll::Ready(None) => {
                    self.open.remove(at);
                }
                Poll::Pending => {
                    pull.since = now;
                    at += 1;
                }
            }
        }
        if self.open.is_empty() { Poll::Ready(None) } else { Poll::Pending }
    }
}

impl std::fmt::Debug for Pull {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { left, until, since, .. } = self;
        f.debug_struct("Pull")
            .field("left", left)
            .field("until", until)
            .field("since", since)
            .finish_non_exhaustive()
    }
}
