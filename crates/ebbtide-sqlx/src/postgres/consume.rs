use std::sync::Arc;
use std::time::Duration;

use ebbtide::BoxError;
use ebbtide::drain::Stop;
use ebbtide::queue::{Delivery, Queue, Settled, Settlement};
use sqlx::PgPool;

use super::settle::arrays;
use super::to_the_end::to_the_end;
use super::{PostgresQueue, PostgresQueueError, statements};
use crate::table::JobLease;
use crate::table::{Leasing, deliveries, fetch, limitation, millis};

impl Queue for PostgresQueue {
    type Receipt = JobLease;

    async fn fetch(&self, max: usize, stop: &Stop) -> Result<Vec<Delivery<JobLease>>, BoxError> {
        if self.notifies {
            self.shared.ear.listen(self, stop);
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
            let extending = to_the_end(async move {
                sqlx::query(statements::EXTEND).bind(ids).bind(deliveries).bind(lease).execute(&pool).await
            });
            async { Ok(extending.await?.rows_affected()) }
        };
        let renewed = self.shared.renewals.renew(&self.pool, self.lease, renew).await;
        Ok(renewed.map_err(PostgresQueueError::when("extend the leases of jobs"))?)
    }

    fn extends_anywhere(&self) -> bool {
        true
    }

    fn limitation(&self, concurrency: usize) -> Option<String> {
        limitation(&self.pool, concurrency)
    }

    async fn close(&self) -> Result<(), BoxError> {
        tokio::join!(self.shared.ear.close(), self.shared.renewals.close());
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
        let acquiring = to_the_end(async move { pool.acquire().await });
        let Some(connection) = stop.unless_stopping(acquiring).await else { return Ok(None) };
        let mut connection = connection.map_err(&failed)?;
        let max = i64::try_from(max).unwrap_or(i64::MAX);
        let query = sqlx::query_as(statements::LEASE).bind(&*self.name).bind(max).bind(millis(self.lease));
        let rows = query.fetch_all(&mut *connection).await.map_err(&failed)?;
        Ok(Some(deliveries(rows)))
    }

    async fn due_in(&self) -> Result<Option<Duration>, PostgresQueueError> {
        let (pool, name) = (self.pool.clone(), Arc::clone(&self.name));
        let looking = to_the_end(async move {
            sqlx::query_scalar(statements::DUE_IN).bind(&*name).fetch_optional(&pool).await
        });
        let due: Option<i64> =
            looking.await.map_err(PostgresQueueError::when("look when the next job is due"))?;
        Ok(due.map(|millis| Duration::from_millis(u64::try_from(millis).unwrap_or_default())))
    }
}
