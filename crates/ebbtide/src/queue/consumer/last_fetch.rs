use std::sync::Arc;

use tokio::task::JoinSet;

use super::books::Books;
use super::shared::Shared;
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
            Some(fetch) => self.or_none("fetch", fetch.await),
            None => Vec::new(),
        };
        // The subscription's end is said first, so that what is handed back isn't sent to us again; if it hangs, it
        // doesn't hold the others.
        let (withdrawn, ()) = tokio::join!(self.queue.withdraw(), self.hand_back_all(fetched));
        let withdrawn = self.or_none("withdraw", withdrawn);
        open.close();
        self.hand_back_all(withdrawn).await;
    }

    async fn hand_back_all(self: &Arc<Self>, deliveries: Vec<Delivery<Q::Receipt>>) {
        let mut going: JoinSet<()> = JoinSet::new();
        for delivery in &deliveries {
            going.spawn(self.hand_back_unbegun(delivery));
        }
        while going.join_next().await.is_some() {}
    }

    fn or_none<T>(&self, what: &str, taken: Result<Vec<T>, BoxError>) -> Vec<T> {
        taken.unwrap_or_else(|error| {
            let error = panics::chain(&*error);
            tracing::error!(
                consumer = &*self.name,
                error,
                "failed to {what}: what the queue has given out comes back when its lease runs out"
            );
            Vec::new()
        })
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
        tracing::error!(
            consumer = self.name,
            "the queue did not answer the last fetch: what it may have given out comes back when its lease runs out"
        );
    }
}
