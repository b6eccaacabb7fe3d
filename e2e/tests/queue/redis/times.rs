//! Times at their ends.

use std::time::Duration;

use super::place::Place;
use crate::times::{VALUES, consume};

#[tokio::test]
async fn no_time_costs_a_stop() {
    for value in VALUES {
        let place = Place::new();
        let Ok(queue) = place.builder().lease(value).open().await else {
            assert!(value < Duration::from_millis(100), "{value:?} is refused");
            continue;
        };
        queue.push("job").await.unwrap();
        let tally = consume(queue).await;
        assert_eq!(tally.acked, 1, "{value:?}: {tally:?}");
    }
}

/// What fails is to come again in ages, and the consumer stops all the same.
#[tokio::test]
async fn a_delay_without_end_costs_no_stop() {
    use ebbtide::queue::{Queue as _, Settled, Settlement};

    let place = Place::new();
    let queue = place.open().await;
    queue.push("job").await.unwrap();
    let job = crate::support::next(&queue).await;
    let retry = Settlement::Retry { after: Duration::MAX, error: "not now".to_owned() };
    assert_eq!(queue.settle(&job.receipt, retry).await.unwrap(), Settled::Done);
    crate::support::no_jobs_for(&queue, 300).await;
    let tally = consume(queue).await;
    assert_eq!(tally.taken, 0, "{tally:?}");
}
