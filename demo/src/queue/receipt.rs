use ebbtide::queue::{Delivery, JobLease, redis::RedisReceipt};

/// What a delivery is settled by, whichever broker it came from.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "they are the brokers")]
pub enum AnyReceipt {
    Lease(JobLease),
    Redis(RedisReceipt),
}

impl AnyReceipt {
    pub(super) fn lease(&self) -> Option<JobLease> {
        match self {
            Self::Lease(lease) => Some(*lease),
            Self::Redis(_) => None,
        }
    }

    pub(super) fn redis(&self) -> Option<RedisReceipt> {
        match self {
            Self::Redis(receipt) => Some(receipt.clone()),
            Self::Lease(_) => None,
        }
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

pub(super) fn any<R: Into<AnyReceipt>>(deliveries: Vec<Delivery<R>>) -> Vec<Delivery<AnyReceipt>> {
    let any = |Delivery { receipt, id, payload, attempt }: Delivery<R>| Delivery {
        receipt: receipt.into(),
        id,
        payload,
        attempt,
    };
    deliveries.into_iter().map(any).collect()
}
