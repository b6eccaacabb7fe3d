use std::sync::Arc;

use tracing::Instrument;

use super::shared::Shared;
use super::verdict::{judge, refuse};
use crate::drain::Stop;
use crate::queue::{Delivery, Job, Queue, Settlement};
use crate::runtime::{BoxError, Caught};

impl<Q, F, Fut> Shared<Q, F>
where
    Q: Queue,
    F: Fn(Job, Stop) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
{
    /// Takes a delivery and returns what runs it and settles it. It is in the books before the future is polled.
    pub(super) fn run(
        self: &Arc<Self>,
        delivery: Delivery<Q::Receipt>,
    ) -> impl Future<Output = ()> + Send + use<Q, F, Fut> {
        let (shared, id) = (Arc::clone(self), Arc::from(delivery.id.as_str()));
        let refusal = refuse(delivery.attempt, &self.options);
        let ticket = self.books.take(&delivery, &id, refusal.is_none());
        let Delivery { payload, attempt, .. } = delivery;
        let span = tracing::info_span!("job", consumer = &*self.name, id = &*id, attempt);
        let work = async move {
            let settlement = match refusal {
                Some(settlement) => settlement,
                None => {
                    let (job, stop) = (Job::new(id, payload, attempt), ticket.stop().clone());
                    // The handler is called in the future, so that its panic is caught as well.
                    let end = Caught::new(async { (shared.handler)(job, stop).await }).await;
                    if !ticket.ended() {
                        // It was handed back meanwhile: somebody else runs it.
                        return;
                    }
                    judge(end, attempt, &shared.options)
                }
            };
            shared.settle(ticket, settlement).await;
        };
        work.instrument(span)
    }
}

impl<Q: Queue, F> Shared<Q, F> {
    /// Takes a delivery that is not begun any more, and returns what hands it back.
    pub(super) fn hand_back_unbegun(
        self: &Arc<Self>,
        delivery: &Delivery<Q::Receipt>,
    ) -> impl Future<Output = ()> + Send + use<Q, F>
    where
        F: Send + Sync + 'static,
    {
        let ticket = self.books.take(delivery, &Arc::from(delivery.id.as_str()), false);
        let shared = Arc::clone(self);
        async move { shared.settle(ticket, Settlement::HandBack).await }
    }
}
