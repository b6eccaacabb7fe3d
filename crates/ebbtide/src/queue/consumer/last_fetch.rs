use std::error::Error;
use std::sync::Arc;

use tokio::task::JoinSet;
use tokio::time::sleep;

use super::books::Books;
use super::outage::Outage;
use super::shared::{AGAIN, Shared};
use crate::queue::{Delivery, Queue};
use crate::runtime::{BoxError, BoxFuture, panics};

/// A fetch under way.
pub(super) type Fetch<R> = BoxFuture<Result<Vec<Delivery<R>>, BoxError>>;

impl<Q: Queue, F: Send + Sync + 'static> Shared<Q, F> {
    /// Hands back whatever comes when the stop has begun: what the last fetch returns, and what the broker had sent ahead
    /// (invariant Q2).
    pub(super) async fn return_unbegun(self: Arc<Self>, fetch: Option<Fetch<Q::Receipt>>) {
        let open = Open { name: &self.name, books: Some(&self.books) };
        let fetched = match fetch {
            Some(fetch) => fetch.await.unwrap_or_else(|error| self.none_came(&*error)),
            None => Vec::new(),
        };
        // The subscription's end is said first, so that what is handed back isn't sent to us again; if it hangs, it
        // doesn't hold the others.
        let (withdrawn, ()) = tokio::join!(self.withdraw(), self.hand_back_all(fetched));
        open.close();
        self.hand_back_all(withdrawn).await;
    }

    /// Asks until the queue answers: nobody else knows what it has given out and nobody fetched.
    async fn withdraw(&self) -> Vec<Delivery<Q::Receipt>> {
        let outage = Outage::new(Arc::clone(&self.name), "withdraw what was sent ahead");
        let mut failures = 0;
        loop {
            match self.queue.withdraw().await {
                Ok(withdrawn) => {
                    outage.over();
                    return withdrawn;
                }
                Err(error) => {
                    outage.failed(&*error);
                    failures += 1;
                    sleep(AGAIN.after(failures)).await;
                }
            }
        }
    }

    async fn hand_back_all(self: &Arc<Self>, deliveries: Vec<Delivery<Q::Receipt>>) {
        let mut going: JoinSet<()> = JoinSet::new();
        for delivery in &deliveries {
            going.spawn(self.hand_back_unbegun(delivery));
        }
        while going.join_next().await.is_some() {}
    }

    /// It has taken nothing that it does not give up by itself.
    fn none_came(&self, error: &(dyn Error + 'static)) -> Vec<Delivery<Q::Receipt>> {
        let error = panics::chain(error);
        crate::runtime::log_warn!(
            consumer = &*self.name,
            error,
            "failed to fetch jobs, and the stop has begun: no more are fetched"
        );
        Vec::new()
    }
}

/// Says, when it is dropped before it is closed, that the queue owes us an answer: nobody knows what it has given out.
struct Open<'a, R: Clone> {
    name: &'a str,
    books: Option<&'a Books<R>>,
}

impl<R: Clone> Open<'_, R> {
    fn close(mut self) {
        self.books = None;
    }
}

impl<R: Clone> Drop for Open<'_, R> {
    fn drop(&mut self) {
        let Some(books) = self.books else { return };
        books.cut_one();
        crate::runtime::log_error!(
            consumer = self.name,
            "the queue did not say what it had given out last: that comes back when its lease runs out"
        );
    }
}
