//! An adapter that panics: the loop goes on, and what it was saying is not kept from others.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ebbtide::drain::StopSource;
use ebbtide::model::Cause;
use ebbtide::queue::{Consumer, Delivery, Queue, Settled, Settlement};
use ebbtide::{BoxError, Stop};
use tokio::time::{sleep, timeout};

use crate::broker::{Broker, State};
use crate::clock::now;

const LEASE: Duration = Duration::from_secs(30);

/// Panics over the first settlement.
struct Panics {
    broker: Broker,
    has_panicked: AtomicBool,
}

impl Queue for Panics {
    type Receipt = usize;

    async fn fetch(&self, max: usize, stop: &Stop) -> Result<Vec<Delivery<usize>>, BoxError> {
        self.broker.fetch(max, stop).await
    }

    async fn settle(&self, receipt: &usize, settlement: Settlement) -> Result<Settled, BoxError> {
        assert!(self.has_panicked.swap(true, Ordering::Relaxed), "the adapter has a bug");
        self.broker.settle(receipt, settlement).await
    }

    fn lease(&self) -> Option<Duration> {
        self.broker.lease()
    }

    async fn extend(&self, receipts: &[usize]) -> Result<(), BoxError> {
        self.broker.extend(receipts).await
    }
}

/// It counts as unsettled from then on, and its lease is not kept: it comes again when that runs out.
#[tokio::test(start_paused = true)]
async fn a_job_over_which_the_adapter_panicked_is_given_up_and_comes_again() {
    let mut broker = Broker::new();
    broker.lease = Some(LEASE);
    let queue = Arc::new(Panics { broker, has_panicked: AtomicBool::new(false) });
    queue.broker.push("job");
    let consumer = Consumer::new("test", Arc::clone(&queue), 2, |_, _| async { Ok(()) });
    let (work, source) = (consumer.work(), StopSource::with_clock(now));
    let running = consumer.run(source.token());
    let watching = async {
        while !queue.has_panicked.load(Ordering::Relaxed) {
            sleep(Duration::from_millis(1)).await;
        }
        sleep(Duration::from_millis(1)).await;
        assert_eq!((work.in_flight(), work.unsettled()), (0, vec!["job".to_owned()]));
        let done = async {
            while queue.broker.state("job") != State::Acked {
                sleep(Duration::from_secs(1)).await;
            }
        };
        timeout(2 * LEASE, done).await.expect("it comes again when its lease has run out");
        source.stop(Cause::Signal { number: 15 }, None);
    };
    let (tally, ()) = tokio::join!(running, watching);
    assert_eq!((tally.taken, tally.acked, tally.unsettled), (2, 1, vec!["job".to_owned()]));
}
