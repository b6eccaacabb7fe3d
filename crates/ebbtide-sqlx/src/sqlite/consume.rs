use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use ebbtide::BoxError;
use ebbtide::drain::Stop;
use ebbtide::queue::{Delivery, Queue, Settled, Settlement};
use serde_json::{Value, json};
use sqlx::{SqliteConnection, SqlitePool};

use super::{SqliteQueue, SqliteQueueError, statements};
use crate::table::{JobLease, Leasing, deliveries, fetch, limitation, millis, text};

impl Queue for SqliteQueue {
    type Receipt = JobLease;

    async fn fetch(&self, max: usize, stop: &Stop) -> Result<Vec<Delivery<JobLease>>, BoxError> {
        Ok(fetch(self, &self.shared.wake, self.poll, max, stop).await?)
    }

    async fn settle(&self, receipt: &JobLease, settlement: Settlement) -> Result<Settled, BoxError> {
        let frees = matches!(settlement, Settlement::Requeue | Settlement::Retry { .. });
        let (said, settling) = ((*receipt, settlement), &self.shared.settling);
        let settled = settling.submit(said, &self.writer, |batch| self.settle_all(batch)).await?;
        if frees {
            self.wake();
        }
        Ok(settled)
    }

    fn lease(&self) -> Option<Duration> {
        Some(self.lease)
    }

    /// Does not queue with this process's writers: one of them may wait for a connection that a handler holds. It
    /// waits for SQLite's lock instead.
    async fn extend(&self, receipts: &[JobLease]) -> Result<(), BoxError> {
        let held: Value = receipts.iter().map(|lease| json!([lease.id, lease.delivery])).collect();
        let held = held.to_string();
        let renew = |pool: SqlitePool| {
            let query = sqlx::query(statements::EXTEND).bind(held.clone()).bind(millis(self.lease));
            async move { Ok(query.execute(&pool).await?.rows_affected()) }
        };
        let renewed = self.shared.renewals.renew(&self.pool, self.lease, renew).await;
        Ok(renewed.map_err(SqliteQueueError::when("extend job leases"))?)
    }

    fn extends_anywhere(&self) -> bool {
        true
    }

    fn limitation(&self, concurrency: usize) -> Option<String> {
        if self.opened { None } else { limitation(&self.pool, concurrency) }
    }

    async fn close(&self) -> Result<(), BoxError> {
        self.shared.renewals.close().await;
        Ok(())
    }
}

impl Leasing for SqliteQueue {
    type Error = SqliteQueueError;

    async fn lease(
        &self,
        max: usize,
        stop: &Stop,
    ) -> Result<Option<Vec<Delivery<JobLease>>>, SqliteQueueError> {
        let failed = SqliteQueueError::when("lease jobs");
        let ready = async { (self.writer.acquire().await, self.pool.acquire().await) };
        let Some((_turn, connection)) = stop.unless_stopping(ready).await else { return Ok(None) };
        let mut connection = connection.map_err(&failed)?;
        let max = i64::try_from(max).unwrap_or(i64::MAX);
        let query = sqlx::query_as(statements::LEASE).bind(&*self.name).bind(max).bind(millis(self.lease));
        let rows = query.fetch_all(&mut *connection).await.map_err(&failed)?;
        Ok(Some(deliveries(rows)))
    }

    async fn due_in(&self) -> Result<Option<Duration>, SqliteQueueError> {
        let query = sqlx::query_scalar(statements::DUE_IN).bind(&*self.name);
        let due: Option<i64> = query
            .fetch_optional(&self.pool)
            .await
            .map_err(SqliteQueueError::when("query when the next job is due"))?;
        Ok(due.map(|millis| Duration::from_millis(u64::try_from(millis).unwrap_or_default())))
    }
}

impl SqliteQueue {
    /// Settles all of these, or none if it fails: one statement for each kind of settlement.
    async fn settle_all(&self, batch: Vec<(JobLease, Settlement)>) -> Result<Vec<Settled>, SqliteQueueError> {
        let failed = SqliteQueueError::when("settle jobs");
        let mut groups: BTreeMap<&'static str, SettlementGroup> = BTreeMap::new();
        for (index, (lease, settlement)) in batch.iter().enumerate() {
            let (statement, said) = say(*lease, settlement);
            let group = groups.entry(statement).or_default();
            group.members.push((index, *lease));
            group.said.push(said);
        }
        let mut outcomes = vec![Settled::Lost; batch.len()];
        if groups.len() == 1 {
            let mut connection = self.pool.acquire().await.map_err(&failed)?;
            for (statement, group) in groups {
                group.settle(statement, &mut connection, &mut outcomes).await.map_err(&failed)?;
            }
        } else {
            let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(&failed)?;
            for (statement, group) in groups {
                group.settle(statement, &mut transaction, &mut outcomes).await.map_err(&failed)?;
            }
            transaction.commit().await.map_err(&failed)?;
        }
        Ok(outcomes)
    }
}

/// The jobs of a batch that are settled the same way.
#[derive(Debug, Default)]
struct SettlementGroup {
    /// The index in the batch, and the arguments.
    members: Vec<(usize, JobLease)>,
    said: Vec<Value>,
}

impl SettlementGroup {
    async fn settle(
        self,
        statement: &'static str,
        connection: &mut SqliteConnection,
        outcomes: &mut [Settled],
    ) -> Result<(), sqlx::Error> {
        let query = sqlx::query_as(statement).bind(Value::Array(self.said).to_string());
        let rows: Vec<(i64, i64)> = query.fetch_all(connection).await?;
        let done: HashSet<JobLease> =
            rows.into_iter().map(|(id, delivery)| JobLease { id, delivery }).collect();
        for (index, lease) in self.members {
            if let Some(outcome) = outcomes.get_mut(index)
                && done.contains(&lease)
            {
                *outcome = Settled::Done;
            }
        }
        Ok(())
    }
}

/// Returns the statement for a settlement, and its arguments.
fn say(lease: JobLease, settlement: &Settlement) -> (&'static str, Value) {
    let JobLease { id, delivery } = lease;
    match settlement {
        Settlement::Ack => (statements::ACK, json!([id, delivery])),
        Settlement::Requeue => (statements::REQUEUE, json!([id, delivery])),
        Settlement::Retry { after, error } => {
            (statements::RETRY, json!([id, delivery, millis(*after), text(error)]))
        }
        Settlement::DeadLetter { error } => {
            (statements::DEAD_LETTER, json!([id, delivery, null, text(error)]))
        }
    }
}
