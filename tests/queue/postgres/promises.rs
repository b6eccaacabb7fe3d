//! The tests of every table, the conformance suite, lease renewal while handlers block threads or connections, and extreme
//! durations.

use std::time::Duration;

use ebbtide::BoxError;
use ebbtide::testing::queue::{DeadLettered, Promise, Relay, Subject, SubjectCounts, Verdict, conforms};
use ebbtide_sqlx::{JobState, NewJob, PostgresQueue};
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use super::place::Database;
use crate::blocked::{LEASE, blocked_threads, held_pool, push};
use crate::support::{EXTREMES, consume};
use crate::table::Place as _;

crate::table::all_tests!(Database);

// The conformance suite.

struct Jobs {
    relay: Relay,
    /// Connects to the server directly, as a producer on another machine would.
    producer: PostgresQueue,
    /// Dropped after the pool.
    _database: Database,
}

impl Jobs {
    async fn new() -> Result<Self, BoxError> {
        let database = Database::new().await;
        let producer = PostgresQueue::new(database.pool().await, "jobs");
        producer.create().await?;
        let options = producer.pool().connect_options();
        let relay = Relay::open(&format!("{}:{}", options.get_host(), options.get_port())).await?;
        Ok(Self { relay, producer, _database: database })
    }
}

impl Subject for Jobs {
    type Queue = PostgresQueue;

    async fn open(&self, lease: Duration) -> Result<PostgresQueue, BoxError> {
        let address = self.relay.address();
        let options = PgConnectOptions::clone(&self.producer.pool().connect_options());
        let options = options.host(&address.ip().to_string()).port(address.port());
        let pool = PgPoolOptions::new().max_connections(2).acquire_timeout(Duration::from_secs(1));
        Ok(PostgresQueue::new(pool.connect_with(options).await?, "jobs").lease_for(lease))
    }

    async fn push(&self, payload: &[u8]) -> Result<(), BoxError> {
        self.producer.push(payload).await?;
        Ok(())
    }

    async fn job_counts(&self) -> Result<SubjectCounts, BoxError> {
        let counts = "SELECT count(*) FILTER (WHERE due_at IS NOT NULL AND NOT leased)::int,
            count(*) FILTER (WHERE leased)::int, count(*) FILTER (WHERE dead_lettered_at IS NOT NULL)::int
            FROM ebbtide_jobs";
        let (waiting, leased, dead_lettered): (i32, i32, i32) =
            sqlx::query_as(counts).fetch_one(self.producer.pool()).await?;
        let [waiting, leased, dead_lettered] =
            [waiting, leased, dead_lettered].map(|count| u64::from(count.unsigned_abs()));
        Ok(SubjectCounts { waiting, leased: Some(leased), dead_lettered })
    }

    async fn dead_lettered(&self) -> Result<Vec<DeadLettered>, BoxError> {
        let dead_lettered = self.producer.list(JobState::DeadLettered, 100).await?;
        Ok(dead_lettered
            .into_iter()
            .map(|job| DeadLettered { payload: job.payload, error: job.error })
            .collect())
    }

    async fn disconnect(&self) -> Result<bool, BoxError> {
        self.relay.disconnect().await;
        Ok(true)
    }

    async fn reconnect(&self) -> Result<(), BoxError> {
        Ok(self.relay.reconnect().await?)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_keeps_every_promise() {
    let kept = conforms(Jobs::new).await.unwrap();
    for (promise, verdict) in &kept {
        let applies = *promise != Promise::PrefetchKeepsNothing;
        assert_eq!(*verdict == Verdict::Kept, applies, "{promise:?}: {kept:?}");
    }
}

// Lease renewal while handlers block threads or connections.

blocked_threads!(
    Database::new().await,
    async |database: &Database| database.queue().await.lease_for(LEASE),
    push
);

async fn small(database: &Database) -> PgPool {
    let pool = PgPoolOptions::new().max_connections(2).acquire_timeout(Duration::from_secs(30));
    pool.connect(&database.url()).await.unwrap()
}

held_pool!(Database::new().await, small, |pool| PostgresQueue::new(pool, "jobs").lease_for(LEASE));

// Extreme durations.

#[tokio::test]
async fn extreme_durations_do_not_break_the_shutdown() {
    let place = Database::new().await;
    let settings: [fn(PostgresQueue, Duration) -> PostgresQueue; 3] =
        [PostgresQueue::lease_for, PostgresQueue::poll_every, PostgresQueue::poll_only];
    for (at, set) in settings.into_iter().enumerate() {
        for (nth, value) in EXTREMES.into_iter().enumerate() {
            let queue = set(place.queue_named(&format!("{at}-{nth}")).await, value);
            queue.push(NewJob::from("later").after(value)).await.unwrap();
            queue.push(NewJob::from("now")).await.unwrap();
            let tally = consume(queue).await;
            assert!(tally.taken > 0, "{at} {value:?}: {tally:?}");
        }
    }
}
