//! The demo's orders, its queue and its log, after the exit.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use ebbtide_demo::order_states;
use ebbtide_demo::queue::{Left, QueueKind, QueuePlace};
use ebbtide_rehearse::{BoxFuture, JobsLeft, OrderStore, ServiceStore, Store, words};

/// The places of the data that remains after the demo's exit.
#[derive(Clone, Debug)]
pub(super) struct StorePlace {
    /// The data folder, with the log.
    folder: PathBuf,
    /// The PostgreSQL database with the orders; without one they are in the folder.
    postgres: Option<String>,
    /// The orders that existed before this run; they are not judged.
    earlier: HashSet<String>,
    /// The queue, which only this run uses.
    queue: QueuePlace,
}

impl StorePlace {
    /// Records the orders that exist before the demo starts.
    pub(super) async fn note(folder: PathBuf, postgres: Option<String>, queue: QueuePlace) -> Self {
        let earlier = match &postgres {
            // A table that cannot be read does not exist yet, or makes the demo fail as well.
            Some(url) => order_states(&folder, Some(url)).await.unwrap_or_default().into_keys().collect(),
            None => HashSet::new(),
        };
        Self { folder, postgres, earlier, queue }
    }
}

impl ServiceStore for StorePlace {
    fn look<'a>(&'a self, acknowledged: &'a [Box<str>]) -> BoxFuture<'a, Store> {
        Box::pin(async move {
            let states = order_states(&self.folder, self.postgres.as_deref()).await;
            let ours = |mut states: HashMap<String, String>| {
                states.retain(|id, _| !self.earlier.contains(id));
                compare(states, acknowledged)
            };
            let jobs = left(&self.queue).await;
            let jobs = jobs.map(|Left { waiting, leased, dead_lettered }| JobsLeft {
                waiting,
                leased,
                dead_lettered,
            });
            Store {
                orders: states.map(ours).map_err(|error| words::chain(&*error)),
                jobs: jobs.map_err(|error| words::chain(&*error)),
                last_log_line: last_line(&self.folder.join("demo.log")),
            }
        })
    }

    /// The owner of the folder removes the folder; a queue on a shared broker is not in it.
    fn clear(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            if self.queue.kind != QueueKind::Sqlite {
                let _removed = self.queue.remove().await;
            }
        })
    }
}

async fn left(queue: &QueuePlace) -> Result<Left, Box<dyn std::error::Error + Send + Sync>> {
    let queue = queue.open().await?;
    let left = queue.left().await;
    // The count is already known, and the broker detects the disconnect.
    let _closed = queue.disconnect().await;
    left
}

fn compare(states: HashMap<String, String>, acknowledged: &[Box<str>]) -> OrderStore {
    let missing = acknowledged.iter().filter(|id| !states.contains_key(&***id)).map(ToString::to_string);
    let mut store = OrderStore { total: states.len(), missing: missing.collect(), ..OrderStore::default() };
    for (id, state) in states {
        match state.as_str() {
            "stored" => store.stored.push(id),
            "queued" => store.queued += 1,
            "processing" => store.processing.push(id),
            _ => {}
        }
    }
    store
}

fn last_line(log: &Path) -> Result<String, String> {
    let bytes = fs::read(log).map_err(|error| format!("cannot read {}: {error}", log.display()))?;
    let text = String::from_utf8_lossy(&bytes);
    text.lines().next_back().map(str::to_owned).ok_or_else(|| "the log is empty".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_acknowledged_order_without_a_row_is_missing() {
        let states = [("a", "done"), ("b", "stored"), ("c", "processing"), ("d", "queued")];
        let states = states.map(|(id, state)| (id.to_owned(), state.to_owned())).into();
        let store = compare(states, &["a".into(), "z".into()]);
        assert_eq!((store.total, store.queued), (4, 1));
        assert_eq!((store.stored, store.processing), (vec!["b".to_owned()], vec!["c".to_owned()]));
        assert_eq!(store.missing, ["z"]);
    }
}
