use ebbtide::queue::JobCounts;

use super::{SqliteQueue, SqliteQueueError, statements};
use crate::table::{self, JobState, Row, StoredJob};

/// Inspection of stored jobs.
impl SqliteQueue {
    /// Counts the queue's jobs by their state.
    ///
    /// # Errors
    ///
    /// Returns an error if the query fails.
    pub async fn counts(&self) -> Result<JobCounts, SqliteQueueError> {
        let query = sqlx::query_as(statements::COUNTS).bind(&*self.name);
        let counts: (i64, i64, i64) =
            query.fetch_one(&self.pool).await.map_err(SqliteQueueError::when("count jobs"))?;
        Ok(table::counts(counts))
    }

    /// Returns up to `limit` jobs in `state`. Waiting jobs are ordered by due time, leased ones by the end of their
    /// lease, dead-lettered ones by the time they were dead-lettered.
    ///
    /// # Errors
    ///
    /// Returns an error if the query fails.
    pub async fn list(&self, state: JobState, limit: u32) -> Result<Vec<StoredJob>, SqliteQueueError> {
        let statement = match state {
            JobState::Waiting => statements::WAITING,
            JobState::Leased => statements::LEASED,
            JobState::DeadLettered => statements::DEAD_LETTERED,
        };
        let query = sqlx::query_as(statement).bind(&*self.name).bind(limit);
        let rows: Vec<Row> =
            query.fetch_all(&self.pool).await.map_err(SqliteQueueError::when("list jobs"))?;
        Ok(rows.into_iter().map(StoredJob::from).collect())
    }

    /// Requeues a dead-lettered job with its attempts reset to zero. Returns whether there was one with this id.
    ///
    /// # Errors
    ///
    /// Returns an error if the statement fails.
    pub async fn requeue_dead_letter(&self, id: i64) -> Result<bool, SqliteQueueError> {
        let failed = SqliteQueueError::when("requeue a dead-lettered job");
        let turn = self.writer.acquire().await;
        let query = sqlx::query(statements::REQUEUE_DEAD_LETTER).bind(&*self.name).bind(id);
        let requeued = query.execute(&self.pool).await.map_err(failed)?.rows_affected() > 0;
        drop(turn);
        self.wake();
        Ok(requeued)
    }

    /// Requeues every dead-lettered job with its attempts reset to zero, and returns their number.
    ///
    /// # Errors
    ///
    /// Returns an error if the statement fails.
    pub async fn requeue_dead_letters(&self) -> Result<u64, SqliteQueueError> {
        let failed = SqliteQueueError::when("requeue dead-lettered jobs");
        let turn = self.writer.acquire().await;
        let query = sqlx::query(statements::REQUEUE_DEAD_LETTERS).bind(&*self.name);
        let requeued = query.execute(&self.pool).await.map_err(failed)?.rows_affected();
        drop(turn);
        self.wake();
        Ok(requeued)
    }

    /// Deletes a dead-lettered job. Returns whether there was one with this id.
    ///
    /// # Errors
    ///
    /// Returns an error if the statement fails.
    pub async fn discard(&self, id: i64) -> Result<bool, SqliteQueueError> {
        let failed = SqliteQueueError::when("delete a dead-lettered job");
        let _turn = self.writer.acquire().await;
        let query = sqlx::query(statements::DISCARD).bind(&*self.name).bind(id);
        Ok(query.execute(&self.pool).await.map_err(failed)?.rows_affected() > 0)
    }
}
