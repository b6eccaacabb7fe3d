use std::time::Duration;

use ebbtide::BoxError;
use ebbtide::drain::Stop;
use ebbtide::queue::{Delivery, Queue, Settled, Settlement};
use serde_json::{Value, json};
use sqlx::SqlitePool;

use super::{SqliteQueue, SqliteQueueError, statements};
use crate::table::JobLease;
use crate::table::{Leasing, deliveries, fetch, limitation, millis};

impl Queue for SqliteQueue {
    type Receipt = JobLease;

    async fn fetch(&self, max: usize, stop: &Stop) -> Result<Vec<Delivery<JobLease>>, BoxError> {
        Ok(fetch(self, &self.shared.wake, self.poll, max, stop).await?)
    }

    async fn settle(&self, receipt: &JobLease, settlement: Settlement) -> Result<Settled, BoxError> {
        let frees = matches!(settlement, Settlement::HandBack | Settlement::Retry { .. });
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

    /// Takes no turn: whoever has it may wait for a connection that a handler holds. It waits for SQLite's lock instead.
    async fn extend(&self, receipts: &[JobLease]) -> Result<(), BoxError> {
        let held: Value = receipts.iter().map(|lease| json!([lease.id, lease.delivery])).collect();
        let held = held.to_string();
        let renew = |pool: SqlitePool| {
            let query = sqlx::query(statements::EXTEND).bind(held.clone()).bind(millis(self.lease));
            async move { Ok(query.execute(&pool).await?.rows_affected()) }
        };
        let renewed = self.shared.renewals.renew(&self.pool, self.lease, renew).await;
        Ok(renewed.map_err(SqliteQueueError::when("extend the leases of jobs"))?)
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
            .map_err(SqliteQueueError::when("look when the next job is due"))?;
        Ok(due.map(|millis| Duration::from_millis(u64::try_from(millis).unwrap_or_default())))
    }
}
