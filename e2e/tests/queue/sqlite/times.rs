//! Times at their ends.

use std::time::Duration;

use ebbtide_sqlx::NewJob;
use ebbtide_sqlx::SqliteQueue;

use super::place::File;
use crate::table::Place as _;
use crate::times::{VALUES, consume};

#[tokio::test]
async fn no_time_costs_a_stop() {
    let place = File::new().await;
    let settings: [fn(SqliteQueue, Duration) -> SqliteQueue; 2] =
        [SqliteQueue::lease_for, SqliteQueue::poll_every];
    for (at, set) in settings.into_iter().enumerate() {
        for (nth, value) in VALUES.into_iter().enumerate() {
            let queue = set(place.queue_named(&format!("{at}-{nth}")).await, value);
            queue.push(NewJob::from("later").after(value)).await.unwrap();
            queue.push(NewJob::from("now")).await.unwrap();
            let tally = consume(queue).await;
            assert!(tally.taken > 0, "{at} {value:?}: {tally:?}");
        }
    }
}
