use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::fate::Fate;
use super::shared::{AGAIN, Shared};
use super::ticket::Ticket;
use crate::queue::{Queue, Settled, Settlement};

/// How long the queue may take to answer before it is asked again: its client's own limits come first.
const PATIENCE: Duration = Duration::from_secs(30);

/// The queue did not answer.
#[derive(Debug, thiserror::Error)]
#[error("no answer within {} s", .0.as_secs_f64())]
pub(super) struct NoAnswer(pub(super) Duration);

impl<Q: Queue, F> Shared<Q, F> {
    /// Says a settlement until the queue has it; dropped when the time is up, which leaves the delivery unsettled.
    pub(super) async fn settle(&self, ticket: Ticket<Q::Receipt>, settlement: Settlement) {
        let Some((job, receipt)) = ticket.receipt() else { return };
        let mut failures = 0;
        loop {
            let said = timeout(PATIENCE, self.queue.settle(&receipt, settlement.clone())).await;
            let settled = said.unwrap_or_else(|_| Err(NoAnswer(PATIENCE).into()));
            match settled {
                Ok(settled) => {
                    self.settling.over();
                    self.say(&job, &settlement, settled);
                    return ticket.end(Fate::of(&settlement, settled));
                }
                Err(error) => {
                    self.settling.failed(&*error);
                    failures += 1;
                    sleep(AGAIN.after(failures)).await;
                }
            }
        }
    }

    fn say(&self, job: &str, settlement: &Settlement, settled: Settled) {
        let consumer = &*self.name;
        match (settled, settlement) {
            (Settled::Lost, _) => crate::runtime::log_warn!(
                consumer,
                job,
                "no longer ours when it was settled, its lease or its connection having ended: somebody else runs it again"
            ),
            (Settled::Done, Settlement::Ack) => {}
            (Settled::Done, Settlement::HandBack) => tracing::info!(consumer, job, "handed back"),
            (Settled::Done, Settlement::Retry { after, error }) => {
                crate::runtime::log_warn!(
                    consumer,
                    job,
                    error,
                    ?after,
                    "the attempt failed, another one follows"
                );
            }
            (Settled::Done, Settlement::Bury { error }) => {
                crate::runtime::log_error!(consumer, job, error, "failed for good: buried");
            }
        }
    }
}
