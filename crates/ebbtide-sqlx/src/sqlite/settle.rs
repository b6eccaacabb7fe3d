use std::collections::{BTreeMap, HashSet};

use ebbtide::queue::{Settled, Settlement};
use serde_json::{Value, json};
use sqlx::SqliteConnection;

use super::{SqliteQueue, SqliteQueueError, statements};
use crate::table::JobLease;
use crate::table::{millis, text};

impl SqliteQueue {
    /// Settles these, or none of them when it fails: one statement for each kind of settlement.
    pub(super) async fn settle_all(
        &self,
        batch: Vec<(JobLease, Settlement)>,
    ) -> Result<Vec<Settled>, SqliteQueueError> {
        let failed = SqliteQueueError::when("settle jobs");
        let mut groups: BTreeMap<&'static str, Group> = BTreeMap::new();
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

/// Those of a batch that are settled the same way.
#[derive(Debug, Default)]
struct Group {
    /// Where in the batch, and what.
    members: Vec<(usize, JobLease)>,
    said: Vec<Value>,
}

impl Group {
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

/// Returns the statement that settles it, and what the statement has to be told.
fn say(lease: JobLease, settlement: &Settlement) -> (&'static str, Value) {
    let JobLease { id, delivery } = lease;
    match settlement {
        Settlement::Ack => (statements::ACK, json!([id, delivery])),
        Settlement::HandBack => (statements::HAND_BACK, json!([id, delivery])),
        Settlement::Retry { after, error } => {
            (statements::RETRY, json!([id, delivery, millis(*after), text(error)]))
        }
        Settlement::Bury { error } => (statements::BURY, json!([id, delivery, null, text(error)])),
    }
}
