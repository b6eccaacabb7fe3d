use std::time::Duration;

use super::settle::arrays;
use super::{PostgresQueue, PostgresQueueError, statements};
use crate::drain::Stop;
use crate::queue::table::{Leasing, fetch, millis};
use crate::queue::{Delivery, JobLease, Queue, Settled, Settlement};
use crate::runtime::BoxError;

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
        let (ids, deliveries) = arrays(receipts.iter().copied());
        let query = sqlx::query(statements::EXTEND).bind(ids).bind(deliveries).bind(millis(self.lease));
        query.execute(&self.pool).await.map_err(PostgresQueueError::when("extend the leases of jobs"))?;
        Ok(())
    }

    async fn close(&self) -> Result<(), BoxError> {
        self.shared.ear.close().await;
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
        let Some(connection) = stop.unless_stopping(self.pool.acquire()).await else { return Ok(None) };
        let mut connection = connection.map_err(&failed)?;
        let max = i64::try_from(max).unwrap_or(i64::MAX);
        let query = sqlx::query_as(statements::LEASE).bind(&*self.name).bind(max).bind(millis(self.lease));
        let mut rows: Vec<(i64, i64, i64, Vec<u8>)> =
            query.fetch_all(&mut *connection).await.map_err(&failed)?;
        // They come in no order.
        rows.sort_unstable_by_key(|row| row.0);
        Ok(Some(rows.into_iter().map(delivery).collect()))
    }

    async fn due_in(&self) -> Result<Option<Duration>, PostgresQueueError> {
        let query = sqlx::query_scalar(statements::DUE_IN).bind(&*self.name);
        let due: Option<i64> = query
            .fetch_optional(&self.pool)
            .await
            .map_err(PostgresQueueError::when("look when the next job is due"))?;
        Ok(due.map(|millis| Duration::from_millis(u64::try_from(millis).unwrap_or_default())))
    }
}

fn delivery((id, number, attempts, payload): (i64, i64, i64, Vec<u8>)) -> Delivery<JobLease> {
    let attempt = u32::try_from(attempts).unwrap_or(u32::MAX);
    Delivery { receipt: JobLease { id, delivery: number }, id: id.to_string(), payload, attempt }
}
