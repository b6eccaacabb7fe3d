use async_nats::jetstream::AckKind;
use ebbtide::adapter::clock;
use ebbtide::model::LONGEST_TIME;
use ebbtide::queue::{Settled, Settlement};

use super::error::NatsQueueError;
use super::headers::{ROOM, add_error, anew};
use super::link::Link;
use super::queue::NatsQueue;
use super::receipt::{Inner, NatsReceipt};

/// No error needs more words than this.
const LONGEST_ERROR: usize = 16 * 1024;

impl NatsQueue {
    pub(super) async fn say(
        &self,
        receipt: &NatsReceipt,
        settlement: Settlement,
    ) -> Result<Settled, NatsQueueError> {
        let job = &*receipt.inner;
        let mut state = job.state.lock().await;
        if state.settled || clock::now() >= clock::after(state.since, self.lease()) {
            return Ok(Settled::Lost);
        }
        // What is seldom said is boxed, and so no part of every job's future.
        match settlement {
            Settlement::Ack => self.link.tell(&job.reply, AckKind::Ack).await?,
            Settlement::HandBack => Box::pin(self.hand_back(job)).await?,
            Settlement::Retry { after, error: _ } => {
                // The server keeps nanoseconds in 64 bits.
                let after = (!after.is_zero()).then_some(after.min(LONGEST_TIME));
                self.link.tell(&job.reply, AckKind::Nak(after)).await?;
            }
            Settlement::Bury { error } => Box::pin(self.bury(job, &error)).await?,
        }
        state.settled = true;
        Ok(Settled::Done)
    }

    /// Begins a lease anew, unless it is over or the delivery is being settled.
    pub(super) async fn prolong(&self, link: &Link, receipt: &NatsReceipt) -> Result<(), NatsQueueError> {
        let job = &*receipt.inner;
        let Ok(mut state) = job.state.try_lock() else { return Ok(()) };
        let now = clock::now();
        if state.settled || now >= clock::after(state.since, self.lease()) {
            return Ok(());
        }
        link.tell(&job.reply, AckKind::Progress).await?;
        state.since = now;
        Ok(())
    }

    /// Publishes the job anew before its message is acknowledged: whatever happens in between, it is there.
    async fn hand_back(&self, job: &Inner) -> Result<(), NatsQueueError> {
        if self.room_beside(job) < ROOM {
            return self.link.tell(&job.reply, AckKind::Nak(None)).await;
        }
        let tries = job.tries.saturating_add(job.delivered).saturating_sub(1);
        let once = format!("back-{}-{}", job.sequence, job.delivered);
        let headers = anew(job.headers.as_ref(), &job.id, tries, once);
        self.link.publish(&self.plan.name, Some(headers), job.payload.clone()).await?;
        self.link.tell(&job.reply, AckKind::Ack).await
    }

    /// Stores the job where it is looked for before it is taken from where it is delivered.
    async fn bury(&self, job: &Inner, error: &str) -> Result<(), NatsQueueError> {
        let room = self.room_beside(job);
        let headers = (room >= ROOM).then(|| {
            let tries = job.tries.saturating_add(job.delivered);
            let once = format!("dead-{}-{}", job.sequence, job.delivered);
            let mut headers = anew(job.headers.as_ref(), &job.id, tries, once);
            add_error(&mut headers, error, LONGEST_ERROR.min(room - ROOM / 2));
            headers
        });
        self.link.publish(&self.plan.dead, headers, job.payload.clone()).await?;
        self.link.tell(&job.reply, AckKind::Term).await
    }

    /// Returns how many bytes the server takes beside the payload and the producer's own headers.
    fn room_beside(&self, job: &Inner) -> usize {
        let theirs = job.headers.iter().flat_map(|headers| headers.iter()).map(|(name, values)| {
            let name = name.to_string().len() + ": \r\n".len();
            values.iter().map(|value| name + value.as_str().len()).sum::<usize>()
        });
        self.link.client.max_payload().saturating_sub(job.payload.len() + theirs.sum::<usize>())
    }
}
