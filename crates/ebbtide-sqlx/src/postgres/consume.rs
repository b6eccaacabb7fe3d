use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use ebbtide::BoxError;
use ebbtide::adapter::Combiner;
use ebbtide::drain::Stop;
use ebbtide::queue::{Delivery, Queue, Settled, Settlement};
use sqlx::postgres::PgArguments;
use sqlx::query::QueryAs;
use sqlx::{PgPool, Postgres};

use super::finish_on_drop::finish_on_drop;
use super::{PostgresQueue, PostgresQueueError, statements};
use crate::table::{JobLease, Leasing, deliveries, fetch, limitation, millis, text};

impl Queue for PostgresQueue {
    type Receipt = JobLease;

    async fn fetch(&self, max: usize, stop: &Stop) -> Result<Vec<Delivery<JobLease>>, BoxError> {
        if self.notifies {
            self.shared.listener.listen(self, stop);
        }
        Ok(fetch(self, &self.shared.wake, self.poll, max, stop).await?)
    }

    async fn settle(&self, receipt: &JobLease, settlement: Settlement) -> Result<Settled, BoxError> {
        Ok(self.settle_with_others(*receipt, settlement).await?)
    }

    fn lease(&self) -> Option<Duration> {
        Some(self.lease)
    }

    async fn extend(&self, receipts: &[JobLease]) -> Result<(), BoxError> {
        let held = arrays(receipts.iter().copied());
        let renew = |pool: PgPool| {
            let ((ids, deliveries), lease) = (held.clone(), millis(self.lease));
            let extending = finish_on_drop(async move {
                sqlx::query(statements::EXTEND).bind(ids).bind(deliveries).bind(lease).execute(&pool).await
            });
            async { Ok(extending.await?.rows_affected()) }
        };
        let renewed = self.shared.renewals.renew(&self.pool, self.lease, renew).await;
        Ok(renewed.map_err(PostgresQueueError::when("extend job leases"))?)
    }

    fn extends_anywhere(&self) -> bool {
        true
    }

    fn limitation(&self, concurrency: usize) -> Option<String> {
        limitation(&self.pool, concurrency)
    }

    async fn close(&self) -> Result<(), BoxError> {
        tokio::join!(self.shared.listener.close(), self.shared.renewals.close());
        Ok(())
    }
}

impl Leasing for PostgresQueue {
    type Error = PostgresQueueError;

    async fn lease(
        &self,
        max: usize,
        stop: &Stop,
    ) -> Result<Option<Vec<Delivery<JobLease>>>, PostgresQueueError> {
        let failed = PostgresQueueError::when("lease jobs");
        let pool = self.pool.clone();
        let acquiring = finish_on_drop(async move { pool.acquire().await });
        let Some(connection) = stop.unless_stopping(acquiring).await else { return Ok(None) };
        let mut connection = connection.map_err(&failed)?;
        let max = i64::try_from(max).unwrap_or(i64::MAX);
        let query = sqlx::query_as(statements::LEASE).bind(&*self.name).bind(max).bind(millis(self.lease));
        let rows = query.fetch_all(&mut *connection).await.map_err(&failed)?;
        Ok(Some(deliveries(rows)))
    }

    async fn due_in(&self) -> Result<Option<Duration>, PostgresQueueError> {
        let (pool, name) = (self.pool.clone(), Arc::clone(&self.name));
        let looking = finish_on_drop(async move {
            sqlx::query_scalar(statements::DUE_IN).bind(&*name).fetch_optional(&pool).await
        });
        let due: Option<i64> =
            looking.await.map_err(PostgresQueueError::when("query when the next job is due"))?;
        Ok(due.map(|millis| Duration::from_millis(u64::try_from(millis).unwrap_or_default())))
    }
}

/// The jobs that wait to be settled, by kind of settlement. One statement settles one kind, all of it or nothing.
#[derive(Debug, Default)]
pub(super) struct Settling {
    acked: Gathering<JobLease>,
    requeued_ids: Gathering<JobLease>,
    retried: Gathering<(JobLease, i64, String)>,
    dead_lettered: Gathering<(JobLease, String)>,
}

type Gathering<T> = Combiner<T, Settled, PostgresQueueError>;
type Query = QueryAs<'static, Postgres, (i64, i64), PgArguments>;

impl PostgresQueue {
    async fn settle_with_others(
        &self,
        lease: JobLease,
        settlement: Settlement,
    ) -> Result<Settled, PostgresQueueError> {
        let Settling { acked, requeued_ids, retried, dead_lettered } = &self.shared.settling;
        let turns = &self.shared.turns;
        match settlement {
            Settlement::Ack => acked.submit(lease, turns, |batch| self.ack(batch)).await,
            Settlement::Requeue => {
                let settled = requeued_ids.submit(lease, turns, |batch| self.requeue(batch)).await;
                self.wake();
                settled
            }
            Settlement::Retry { after, error } => {
                let item = (lease, millis(after), text(&error));
                let settled = retried.submit(item, turns, |batch| self.retry(batch)).await;
                self.wake();
                settled
            }
            Settlement::DeadLetter { error } => {
                dead_lettered.submit((lease, text(&error)), turns, |batch| self.dead_letter(batch)).await
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

    async fn requeue(&self, batch: Vec<JobLease>) -> Result<Vec<Settled>, PostgresQueueError> {
        let (name, notifies) = (self.name.to_string(), self.notifies);
        self.settle_all(batch, statements::REQUEUE, |query| query.bind(name).bind(notifies)).await
    }

    async fn retry(&self, batch: Vec<(JobLease, i64, String)>) -> Result<Vec<Settled>, PostgresQueueError> {
        let (name, notifies) = (self.name.to_string(), self.notifies);
        let leases = batch.iter().map(|(lease, ..)| *lease).collect();
        let (after, errors): (Vec<i64>, Vec<String>) =
            batch.into_iter().map(|(_, after, error)| (after, error)).unzip();
        let bind = |query: Query| query.bind(after).bind(errors).bind(name).bind(notifies);
        self.settle_all(leases, statements::RETRY, bind).await
    }

    async fn dead_letter(&self, batch: Vec<(JobLease, String)>) -> Result<Vec<Settled>, PostgresQueueError> {
        let (leases, errors): (Vec<JobLease>, Vec<String>) = batch.into_iter().unzip();
        self.settle_all(leases, statements::DEAD_LETTER, |query| query.bind(errors)).await
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

/// Returns the arguments of the statements: ids and delivery numbers.
fn arrays(leases: impl Iterator<Item = JobLease>) -> (Vec<i64>, Vec<i64>) {
    leases.map(|lease| (lease.id, lease.delivery)).unzip()
}
