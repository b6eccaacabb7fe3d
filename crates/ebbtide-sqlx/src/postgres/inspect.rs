use ebbtide::queue::JobCounts;

use super::{PostgresQueue, PostgresQueueError, statements};
use crate::table::{self, JobState, Row, StoredJob};

/// Inspection of stored jobs.
impl PostgresQueue {
    /// Counts the queue's jobs by their state.
    ///
    /// # Errors
    ///
    /// Returns an error if the query fails.
    pub async fn counts(&self) -> Result<JobCounts, PostgresQueueError> {
        let query = sqlx::query_as(statements::COUNTS).bind(&*self.name);
        let counts: (i64, i64, i64) =
            query.fetch_one(&self.pool).await.map_err(PostgresQueueError::when("count jobs"))?;
        Ok(table::counts(counts))
    }

    /// Returns up to `limit` jobs in `state`. Waiting jobs are ordered by due time, leased ones by the end of their
    /// lease, dead-lettered ones by the time they were dead-lettered.
    ///
    /// # Errors
    ///
    /// Returns an error if the query fails.
    pub async fn list(&self, state: JobState, limit: u32) -> Result<Vec<StoredJob>, PostgresQueueError> {
        let statement = match state {
            JobState::Waiting => statements::WAITING,
            JobState::Leased => statements::LEASED,
            JobState::DeadLettered => statements::DEAD_LETTERED,
        };
        let query = sqlx::query_as(statement).bind(&*self.name).bind(i64::from(limit));
        let rows: Vec<Row> =
            query.fetch_all(&self.pool).await.map_err(PostgresQueueError::when("list jobs"))?;
        Ok(rows.into_iter().map(StoredJob::from).collect())
    }

    /// Requeues a dead-lettered job with its attempts reset to zero. Returns whether there was one with this id.
    ///
    /// # Errors
    ///
    /// Returns an error if the statement fails.
    pub async fn requeue_dead_letter(&self, id: i64) -> Result<bool, PostgresQueueError> {
        let query =
            sqlx::query(statements::REQUEUE_DEAD_LETTER).bind(&*self.name).bind(id).bind(self.notifies);
        let requeued = query.fetch_all(&self.pool).await;
        let requeued = requeued.map_err(PostgresQueueError::when("requeue a dead-lettered job"))?;
        self.wake();
        Ok(!requeued.is_empty())
    }

    /// Requeues every dead-lettered job with its attempts reset to zero, and returns their number.
    ///
    /// # Errors
    ///
    /// Returns an error if the statement fails.
    pub async fn requeue_dead_letters(&self) -> Result<u64, PostgresQueueError> {
        let query =
            sqlx::query_scalar(statements::REQUEUE_DEAD_LETTERS).bind(&*self.name).bind(self.notifies);
        let requeued = query.fetch_one(&self.pool).await;
        let requeued: i64 = requeued.map_err(PostgresQueueError::when("requeue dead-lettered jobs"))?;
        self.wake();
        Ok(u64::try_from(requeued).unwrap_or_default())
    }

    /// Deletes a dead-lettered job. Returns whether there was one with this id.
    ///
    /// # Errors
    ///
    /// Returns an error if the statement fails.
    pub async fn discard(&self, id: i64) -> Result<bool, PostgresQueueError> {
        let query = sqlx::query(statements::DISCARD).bind(&*self.name).bind(id);
        let discarded = query.execute(&self.pool).await;
        let discarded = discarded.map_err(PostgresQueueError::when("delete a dead-lettered job"))?;
        Ok(discarded.rows_affected() > 0)
    }
}
