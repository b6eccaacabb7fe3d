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

/// How long the server keeps a request, at most. A request cannot be taken back, so that a stop waits for as long as this.
const LONGEST: Duration = Duration::from_secs(1);

/// How much longer to wait for the server's word that a request has ended: it is lost with a connection.
const SLACK: Duration = Duration::from_secs(2);

/// The requests for jobs that the server still has.
///
/// 1. Together they ask for no more than the last fetch did: each job that comes has a place.
/// 2. A request that was made is listened to until the server has ended it, whatever becomes of the fetch: what the server sends
///    for it is under our lease.
#[derive(Debug, Default)]
pub(super) struct Pulls {
    open: Vec<Pull>,
}

struct Pull {
    batch: Batch,
    /// How many it may still bring.
    left: usize,
    /// When to give it up.
    until: Instant,
    /// When nothing had come last: what comes then has come after that.
    since: Instant,
}

/// A job, and since when it may have been ours.
pub(super) type Came = (Message, Instant);

impl Pulls {
    /// Returns how many jobs the server may still send.
    pub(super) fn left(&self) -> usize {
        self.open.iter().map(|pull| pull.left).sum()
    }

    /// Asks for so many more. What comes first waits at most a quarter of its lease for the end of the request.
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
    /// Nothing is lost when it is dropped.
    pub(super) async fn next(&mut self) -> Option<Result<Came, NatsQueueError>> {
        let until = self.open.iter().map(|pull| pull.until).max()?;
        let next = poll_fn(|cx| self.poll_next(cx));
        tokio::time::timeout_at(until.into(), next).await.unwrap_or_else(|elapsed| {
            // Lost with a connection, or there is no such consumer any more: of that the server says nothing.
            self.open.clear();
            Some(Err(NatsQueueError::when("receive jobs")(elapsed)))
        })
    }

    /// Returns what has come already.
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
