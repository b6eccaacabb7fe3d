use std::sync::Arc;

use tokio::time::{Instant, sleep_until, timeout_at};

use super::accounts::Accounts;
use super::crew::Crew;
use super::heart::Heart;
use super::settle::NoAnswer;
use super::shared::Shared;
use super::tally::Tally;
use super::times::{Ends, Times};
use crate::drain::{Stop, Work};
use crate::model::Cause;
use crate::queue::{ConsumeOptions, Job, Queue};
use crate::runtime::{BoxError, clock, panics};

/// The loop over a queue, for those who keep their own `main`; a lifecycle runs it by
/// [`Handle::consume`](crate::Handle::consume), where what it does is said.
#[must_use = "a consumer does nothing until it is run"]
pub struct Consumer<Q: Queue, F> {
    shared: Arc<Shared<Q, F>>,
}

impl<Q, F, Fut> Consumer<Q, F>
where
    Q: Queue,
    F: Fn(Job, Stop) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
{
    /// Makes a consumer, which begins when it is [run](Self::run).
    pub fn new(name: impl Into<String>, queue: Q, options: impl Into<ConsumeOptions>, handler: F) -> Self {
        let (name, options): (Arc<str>, ConsumeOptions) = (Arc::from(name.into()), options.into());
        if let Some(limitation) = queue.limitation(options.concurrency) {
            crate::runtime::log_warn!(
                consumer = &*name,
                limitation,
                "the queue may not serve the consumer well"
            );
        }
        Self { shared: Arc::new(Shared::new(name, queue, options, handler)) }
    }

    /// Returns what it has in flight, for a progress line or a report of your own.
    pub fn work(&self) -> Arc<dyn Work> {
        Arc::clone(&self.shared.books) as Arc<dyn Work>
    }

    /// Runs until the token is stopping and everything taken has its fate, and returns what became of it.
    ///
    /// It is over by the token's deadline, or where that has none, a hand-back's time after the cut.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it drops its jobs; whatever is held is unsettled, and delivered again when its lease runs out.
    pub async fn run(self, stop: Stop) -> Tally {
        let Self { shared } = self;
        let accounts = Accounts::new(Arc::clone(&shared.name), Arc::clone(&shared.books));
        let mut crew = Crew::new(Arc::clone(&shared));
        let mut heart = Heart::start(&shared);

        let last_fetch = crew.take_until_stopping(&stop).await;
        shared.queue.prefetch(false);

        let times = Times::of(clock::now(), stop.deadline(), shared.options.hand_back);
        let unknown = || Cause::Requested { reason: "unknown".to_owned() };
        shared.books.stop(&stop.cause().cloned().unwrap_or_else(unknown), times.hand_back);
        crew.return_unbegun(last_fetch);
        tokio::select! {
            biased;
            () = crew.idle() => {}
            () = at(times.hand_back) => {}
            () = stop.cancelled() => {}
        }

        let Ends { let_go, close } = times.ends(clock::now());
        crew.hand_back_running();
        tokio::select! {
            biased;
            () = crew.idle() => {}
            () = at(Some(let_go)) => {}
        }
        crew.let_go();
        drop(accounts);
        heart.stop();
        shared.close(close).await;
        heart.end(close).await;
        crew.leave(close).await;
        shared.books.tally()
    }
}

impl<Q: Queue, F> Shared<Q, F> {
    async fn close(&self, until: std::time::Instant) {
        let left = until.saturating_duration_since(clock::now());
        let closed = timeout_at(Instant::from_std(until), self.queue.close()).await;
        if let Err(error) = closed.unwrap_or_else(|_| Err(NoAnswer(left).into())) {
            let error = panics::chain(&*error);
            crate::runtime::log_warn!(
                consumer = &*self.name,
                error,
                "failed to close the queue in order; nothing is lost by that"
            );
        }
    }
}

async fn at(instant: Option<std::time::Instant>) {
    match instant {
        Some(instant) => sleep_until(Instant::from_std(instant)).await,
        None => std::future::pending().await,
    }
}
