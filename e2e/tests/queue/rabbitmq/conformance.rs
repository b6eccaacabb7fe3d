use std::sync::{Arc, Mutex};
use std::time::Duration;

use ebbtide::BoxError;
use ebbtide::testing::queue::{Buried, Census, Promise, Subject, Verdict, conforms};
use ebbtide_rabbitmq::RabbitQueue;
use lapin::options::BasicGetOptions;
use lapin::types::AMQPValue;

use super::broker::DELAYS;
use super::{Broker, Wire};

/// A queue of its own for each promise; its consumers reach the server over a wire that can be cut.
struct Place {
    broker: Arc<Broker>,
    wire: Wire,
    quorum: bool,
    producer: RabbitQueue,
}

impl Place {
    async fn new(quorum: bool) -> Self {
        let broker = Arc::new(Broker::new().await);
        let wire = Wire::to(broker.address()).await;
        let producer = open(broker.url(), &broker.name, quorum).await.unwrap();
        Self { broker, wire, quorum, producer }
    }

    async fn count(&self, queue: &str) -> u64 {
        self.broker.ready(queue).await.unwrap_or(0).into()
    }
}

async fn open(url: &str, name: &str, quorum: bool) -> Result<RabbitQueue, BoxError> {
    let builder = RabbitQueue::builder(name).url(url);
    Ok(if quorum { builder.quorum() } else { builder }.open().await?)
}

impl Subject for Place {
    type Queue = RabbitQueue;

    async fn open(&self, _lease: Duration) -> Result<RabbitQueue, BoxError> {
        open(&self.wire.url(), &self.broker.name, self.quorum).await
    }

    async fn push(&self, payload: &[u8]) -> Result<(), BoxError> {
        self.producer.push(payload).await?;
        Ok(())
    }

    async fn census(&self) -> Result<Census, BoxError> {
        let name = &self.broker.name;
        let mut waiting = self.count(name).await;
        for (_, millis) in DELAYS {
            waiting += self.count(&format!("{name}.retry.{millis}")).await;
        }
        Ok(Census { waiting, leased: None, buried: self.count(&format!("{name}.dead")).await })
    }

    async fn buried(&self) -> Result<Vec<Buried>, BoxError> {
        let (channel, dead) = (self.broker.channel().await, format!("{}.dead", self.broker.name));
        let mut all = Vec::new();
        while let Some(message) = channel.basic_get(dead.as_str().into(), BasicGetOptions::default()).await? {
            let headers = message.properties.headers().as_ref().map(|headers| headers.inner());
            let error = match headers.and_then(|headers| headers.get("ebbtide-error")) {
                Some(AMQPValue::LongString(error)) => Some(error.to_string()),
                _ => None,
            };
            all.push(Buried { payload: message.delivery.data, error });
        }
        // What was looked at goes back.
        channel.close(200, "seen".into()).await?;
        Ok(all)
    }

    async fn cut_off(&self) -> Result<bool, BoxError> {
        self.wire.cut();
        Ok(true)
    }

    async fn mend(&self) -> Result<(), BoxError> {
        self.wire.mend();
        Ok(())
    }
}

/// Returns the promises that it does not make.
async fn does_not_make(quorum: bool) -> Vec<Promise> {
    let brokers = Mutex::new(Vec::new());
    let kept = conforms(async || {
        let place = Place::new(quorum).await;
        brokers.lock().unwrap().push(Arc::clone(&place.broker));
        Ok(place)
    })
    .await;
    for broker in brokers.into_inner().unwrap() {
        broker.remove().await;
    }
    let kept = kept.unwrap().into_iter();
    kept.filter(|(_, verdict)| *verdict == Verdict::DoesNotApply).map(|(promise, _)| promise).collect()
}

/// It has no leases, and the server sends ahead by itself.
const NOT_MADE: [Promise; 4] = [
    Promise::LapsedLeaseIsLost,
    Promise::LeaseBeginsAtDelivery,
    Promise::ExtendKeeps,
    Promise::PrefetchKeepsNothing,
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_classic_queue_keeps_every_promise() {
    assert_eq!(does_not_make(false).await, NOT_MADE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quorum_queue_keeps_every_promise() {
    assert_eq!(does_not_make(true).await, NOT_MADE);
}
