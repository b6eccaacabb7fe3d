//! The promises of a queue, one by one.

use std::time::Duration;

use ebbtide::BoxError;
use ebbtide::testing::queue::{Buried, Census, Promise, Relay, Subject, Verdict, conforms};
use ebbtide_nats::NatsQueue;

use super::place::Place;

struct Jobs {
    relay: Relay,
    place: Place,
}

impl Jobs {
    async fn new() -> Result<Self, BoxError> {
        let place = Place::new().await;
        // There has to be a stream before something is pushed; the lease is that of the first consumer.
        let _made = place.open().await;
        place.context.get_stream(&place.name).await?.delete_consumer(&place.name).await?;
        let broker = place.url.trim_start_matches("nats://").trim_end_matches('/').to_owned();
        Ok(Self { relay: Relay::open(&broker).await?, place })
    }
}

impl Subject for Jobs {
    type Queue = NatsQueue;

    async fn open(&self, lease: Duration) -> Result<NatsQueue, BoxError> {
        let url = format!("nats://{}", self.relay.address());
        Ok(self.place.builder().url(url).lease(lease).open().await?)
    }

    async fn push(&self, payload: &[u8]) -> Result<(), BoxError> {
        let published = self.place.context.publish(self.place.name.clone(), payload.to_vec().into()).await?;
        published.await?;
        Ok(())
    }

    /// A retry that waits for its time is outstanding for NATS, as is what a consumer has: it does not tell.
    async fn census(&self) -> Result<Census, BoxError> {
        let buried = self.place.buried().await.len();
        Ok(Census { waiting: self.place.messages().await, leased: None, buried: buried.try_into()? })
    }

    async fn buried(&self) -> Result<Vec<Buried>, BoxError> {
        let mut found = Vec::new();
        for job in self.place.buried().await {
            let error = job.headers.get("Ebbtide-Error").map(|text| serde_json::from_str(text.as_str()));
            found.push(Buried { payload: job.payload, error: error.transpose()? });
        }
        Ok(found)
    }

    async fn cut_off(&self) -> Result<bool, BoxError> {
        self.relay.cut().await;
        Ok(true)
    }

    async fn mend(&self) -> Result<(), BoxError> {
        Ok(self.relay.mend().await?)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nats_keeps_every_promise() {
    let kept = conforms(Jobs::new).await.unwrap();
    for (promise, verdict) in &kept {
        let applies = *promise != Promise::PrefetchKeepsNothing;
        assert_eq!(*verdict == Verdict::Kept, applies, "{promise:?}: {kept:?}");
    }
}
