//! The times of the adapters at their ends, which a file in each adapter's folder tries: a consumer takes a job, stops on a request, and
//! nothing panics.

use std::sync::Arc;
use std::time::Duration;

use ebbtide::drain::StopSource;
use ebbtide::model::Cause;
use ebbtide::queue::{ConsumeOptions, Consumer, Queue, Tally};
use ebbtide::{Backoff, BoxError};
use tokio::sync::Notify;

use crate::support::now;

pub(crate) const VALUES: [Duration; 3] = [Duration::ZERO, Duration::from_nanos(1), Duration::MAX];

/// Runs a consumer until a job has been begun; where none comes in a second, which a lease or a pause of no length may do to it, until
/// then. A panic in it fails the test.
pub(crate) async fn consume<Q: Queue>(queue: Q) -> Tally {
    let source = StopSource::with_clock(now);
    let began = Arc::new(Notify::new());
    let begins = Arc::clone(&began);
    let handler = move |_, _| {
        begins.notify_one();
        async { Ok::<_, BoxError>(()) }
    };
    let options = ConsumeOptions::new(2).backoff(Backoff::new(Duration::MAX, Duration::MAX));
    let consumer = Consumer::new("times", queue, options, handler);
    let stopping = async {
        let _ = tokio::time::timeout(Duration::from_secs(1), began.notified()).await;
        source.stop(Cause::Signal { number: 15 }, Some(now() + Duration::from_secs(10)));
    };
    tokio::join!(consumer.run(source.token()), stopping).0
}
