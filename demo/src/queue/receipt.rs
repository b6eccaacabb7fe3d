use ebbtide::queue::nats::NatsReceipt;
use ebbtide::queue::rabbitmq::RabbitReceipt;
use ebbtide::queue::redis::RedisReceipt;
#[cfg(feature = "sqs")]
use ebbtide::queue::sqs::SqsReceipt;
use ebbtide::queue::{Delivery, JobLease};

/// What a delivery is settled by, whichever broker it came from.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "they are the brokers")]
pub enum AnyReceipt {
    Lease(JobLease),
    Redis(RedisReceipt),
    Rabbitmq(RabbitReceipt),
    Nats(NatsReceipt),
    #[cfg(feature = "sqs")]
    Sqs(SqsReceipt),
}

impl AnyReceipt {
    pub(super) const fn lease(&self) -> Option<JobLease> {
        if let Self::Lease(lease) = self { Some(*lease) } else { None }
    }

    pub(super) fn redis(&self) -> Option<RedisReceipt> {
        if let Self::Redis(receipt) = self { Some(receipt.clone()) } else { None }
    }

    pub(super) fn nats(&self) -> Option<NatsReceipt> {
        if let Self::Nats(receipt) = self { Some(receipt.clone()) } else { None }
    }

    #[cfg(feature = "sqs")]
    pub(super) fn sqs(&self) -> Option<SqsReceipt> {
        if let Self::Sqs(receipt) = self { Some(receipt.clone()) } else { None }
    }
}

impl From<JobLease> for AnyReceipt {
    fn from(lease: JobLease) -> Self {
        Self::Lease(lease)
    }
}

impl From<RedisReceipt> for AnyReceipt {
    fn from(receipt: RedisReceipt) -> Self {
        Self::Redis(receipt)
    }
}

impl From<RabbitReceipt> for AnyReceipt {
    fn from(receipt: RabbitReceipt) -> Self {
        Self::Rabbitmq(receipt)
    }
}

impl From<NatsReceipt> for AnyReceipt {
    fn from(receipt: NatsReceipt) -> Self {
        Self::Nats(receipt)
    }
}

#[cfg(feature = "sqs")]
impl From<SqsReceipt> for AnyReceipt {
    fn from(receipt: SqsReceipt) -> Self {
        Self::Sqs(receipt)
    }
}

pub(super) fn any<R: Into<AnyReceipt>>(deliveries: Vec<Delivery<R>>) -> Vec<Delivery<AnyReceipt>> {
    let any = |Delivery { receipt, id, payload, attempt }: Delivery<R>| Delivery {
        receipt: receipt.into(),
        id,
        payload,
        attempt,
    };
    deliveries.into_iter().map(any).collect()
}
