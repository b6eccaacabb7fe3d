use std::collections::HashSet;

use ebbtide::adapter::Combiner;
use ebbtide::queue::{Settled, Settlement};
use sqlx::Postgres;
use sqlx::postgres::PgArguments;
use sqlx::query::QueryAs;

use super::{PostgresQueue, PostgresQueueError, statements};
use crate::table::JobLease;
use crate::table::{millis, text};

/// What waits to be settled, by how. One statement settles one kind, all of it or nothing.
#[derive(Debug, Default)]
pub(super) struct Settling {
    acked: Gathering<JobLease>,
    handed_back: Gathering<JobLease>,
    retried: Gathering<(JobLease, i64, String)>,
    buried: Gathering<(JobLease, String)>,
}

type Gathering<T> = Combiner<T, Settled, PostgresQueueError>;
type Query = QueryAs<'static, Postgres, (i64, i64), PgArguments>;

impl PostgresQueue {
    pub(super) async fn settle_with_others(
        &self,
        lease: JobLease,
        settlement: Settlement,
    ) -> Result<Settled, PostgresQueueError> {
        let Settling { acked, handed_back, retried, buried } = &self.shared.settling;
        let turns = &self.shared.turns;
        match settlement {
            Settlement::Ack => acked.submit(lease, turns, |batch| self.ack(batch)).await,
            Settlement::HandBack => {
                let settled = handed_back.submit(lease, turns, |batch| self.hand_back(batch)).await;
                self.wake();
                settled
            }
            Settlement::Retry { after, error } => {
                let item = (lease, millis(after), text(&error));
                let settled = retried.submit(item, turns, |batch| self.retry(batch)).await;
                self.wake();
                settled
            }
            Settlement::Bury { error } => {
                buried.submit((lease, text(&error)), turns, |batch| self.bury(batch)).await
            }
        }
    }

    async fn ack(&self, batch: Vec<JobLease>) -> Result<Vec<Settled>, PostgresQueueError> {
        if let [JobLease { id, delivery }] = *batch {
            let query = sqlx::query(statements::ACK_ONE).bind(id).bind(delivery);
            let done = query.execute(&self.pool).await.map_err(PostgresQueueError::when("settle jobs"))?;
            return Ok(vec![if done.rows_affected() > 0 { Settled::Done } else { Settled::Lost }]);
        }
        self.settle_all(batch, statements::ACK, |query| query).await
    }

    async fn hand_back(&self, batch: Vec<JobLease>) -> Result<Vec<Settled>, PostgresQueueError> {
        let (name, notifies) = (self.name.to_string(), self.notifies);
        self.settle_all(batch, statements::HAND_BACK, |query| query.bind(name).bind(notifies)).await
    }

    async fn retry(&self, batch: Vec<(JobLease, i64, String)>) -> Result<Vec<Settled>, PostgresQueueError> {
        let (name, notifies) = (self.name.to_string(), self.notifies);
        let leases = batch.iter().map(|(lease, ..)| *lease).collect();
        let (after, errors): (Vec<i64>, Vec<String>) =
            batch.into_iter().map(|(_, after, error)| (after, error)).unzip();
        let bind = |query: Query| query.bind(after).bind(errors).bind(name).bind(notifies);
        self.settle_all(leases, statements::RETRY, bind).await
    }

    async fn bury(&self, batch: Vec<(JobLease, String)>) -> Result<Vec<Settled>, PostgresQueueError> {
        let (leases, errors): (Vec<JobLease>, Vec<String>) = batch.into_iter().unzip();
        self.settle_all(leases, statements::BURY, |query| query.bind(errors)).await
    }

    async fn settle_all(
        &self,
        leases: Vec<JobLease>,
        statement: &'static str,
        bind: impl FnOnce(Query) -> Query,
    ) -> Result<Vec<Settled>, PostgresQueueError> {
        let (ids, deliveries) = arrays(leases.iter().copied());
        let query = bind(sqlx::query_as(statement).bind(ids).bind(deliveries));
        let rows = query.fetch_all(&self.pool).await.map_err(PostgresQueueError::when("settle jobs"))?;
        let done: HashSet<JobLease> =
            rows.into_iter().map(|(id, delivery)| JobLease { id, delivery }).collect();
        let settled = |lease| if done.contains(&lease) { Settled::Done } else { Settled::Lost };
        Ok(leases.into_iter().map(settled).collect())
    }
}

/// Returns what the statements take: ids, and the numbers of the deliveries.
pub(super) fn arrays(leases: impl Iterator<Item = JobLease>) -> (Vec<i64>, Vec<i64>) {
    leases.map(|lease| (lease.id, lease.delivery)).unzip()
}
