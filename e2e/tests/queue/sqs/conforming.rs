//! The promises of a queue, one by one.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::MessageAttributeValue;
use ebbtide::BoxError;
use ebbtide::testing::queue::{Buried, Census, Promise, Relay, Subject, Verdict, conforms};
use ebbtide_sqs::SqsQueue;

use super::place::{Place, client, text};

/// How long its requests wait.
const POLL: Duration = Duration::from_secs(1);

/// They wait for half of a lease at most.
const SHORTEST: Duration = Duration::from_secs(2);

struct Jobs {
    relay: Relay,
    place: Place,
}

impl Jobs {
    async fn new() -> Result<Self, BoxError> {
        let place = Place::new();
        // There have to be queues before something is pushed.
        let _made = place.open().await;
        let server = place.endpoint.trim_start_matches("http://").trim_end_matches('/').to_owned();
        Ok(Self { relay: Relay::open(&server).await?, place })
    }
}

impl Subject for Jobs {
    type Queue = SqsQueue;

    async fn open(&self, lease: Duration) -> Result<SqsQueue, BoxError> {
        let client = client(&format!("http://{}", self.relay.address()));
        let builder = SqsQueue::builder(client, &self.place.name).lease(lease.max(SHORTEST)).poll(POLL);
        Ok(builder.open().await?)
    }

    async fn push(&self, payload: &[u8]) -> Result<(), BoxError> {
        let (body, attributes) = match std::str::from_utf8(payload) {
            Ok("") => ("nothing", HashMap::from([("Ebbtide-Payload".to_owned(), text("none"))])),
            Ok(body) if !body.contains('\0') => (body, HashMap::new()),
            _ => {
                let bytes = MessageAttributeValue::builder().data_type("Binary");
                let bytes = bytes.binary_value(Blob::new(payload)).build()?;
                ("bytes", HashMap::from([("Ebbtide-Payload".to_owned(), bytes)]))
            }
        };
        self.place.send(body, attributes).await;
        Ok(())
    }

    /// A retry that waits for its time is in flight for SQS, as is what a consumer has: it does not tell.
    async fn census(&self) -> Result<Census, BoxError> {
        let jobs = self.place.counts().await;
        let dead = self.place.counts_of(&format!("{}-dead", self.place.name)).await;
        let waiting = jobs.visible + jobs.in_flight;
        Ok(Census { waiting, leased: None, buried: dead.visible + dead.in_flight })
    }

    async fn buried(&self) -> Result<Vec<Buried>, BoxError> {
        let mut found = Vec::new();
        for job in self.place.buried().await {
            let error = job.attribute("Ebbtide-Error").map(serde_json::from_str).transpose()?;
            found.push(Buried { payload: job.body.into(), error });
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

    /// A standard queue is stored in many places, and asked in some of them.
    fn keeps_order(&self) -> bool {
        false
    }

    /// It counts what it gives out, and lets nobody take that back.
    fn tells_hand_backs(&self) -> bool {
        false
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqs_keeps_every_promise() {
    let kept = conforms(Jobs::new).await.unwrap();
    for (promise, verdict) in &kept {
        let applies = !matches!(promise, Promise::OrderIsKept | Promise::PrefetchKeepsNothing);
        assert_eq!(*verdict == Verdict::Kept, applies, "{promise:?}: {kept:?}");
    }
}
