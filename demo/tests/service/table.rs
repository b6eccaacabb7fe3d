//! Reads and changes the tables directly.

use std::collections::BTreeMap;
use std::time::Duration;

use ebbtide_demo::queue::{AnyQueue, Left, QueueKind, QueuePlace};
use sqlx::any::AnyPoolOptions;
use sqlx::{AnyPool, AssertSqlSafe};
use tempfile::TempDir;

/// Returns the state of each order in the folder's `orders.db`.
pub(crate) fn orders(folder: &TempDir) -> BTreeMap<String, String> {
    let url = format!("sqlite://{}/orders.db", folder.path().display());
    rows(&url, "SELECT id, state FROM orders").into_iter().collect()
}

/// The queue in the folder.
pub(crate) fn sqlite(folder: &TempDir) -> QueuePlace {
    place(QueueKind::Sqlite, format!("{}/jobs.db", folder.path().display()))
}

/// The queue that a service uses by default.
pub(crate) fn place(kind: QueueKind, url: String) -> QueuePlace {
    QueuePlace { kind, url, name: "ebbtide-demo-orders".to_owned(), lease: Duration::from_secs(5) }
}

/// Returns what is in a queue.
pub(crate) fn left(place: &QueuePlace) -> Left {
    on_queue(place, async |queue| queue.left().await.expect("counted"))
}

/// Pushes a job.
pub(crate) fn push(place: &QueuePlace, payload: &str) {
    on_queue(place, async |queue| queue.push(payload.as_bytes()).await.expect("pushed"));
}

/// Asserts the state after a graceful shutdown: each order is done, or its job is queued for the next process. Returns
/// how many are done.
pub(crate) fn assert_none_half_way<'a>(
    states: impl Iterator<Item = &'a String>,
    place: &QueuePlace,
) -> usize {
    let (mut done, mut queued) = (0, 0);
    for state in states {
        match state.as_str() {
            "done" => done += 1,
            "queued" => queued += 1,
            other => panic!("an order is {other}"),
        }
    }
    assert_eq!(left(place), Left { waiting: queued, leased: Some(0), dead_lettered: 0 });
    done
}

/// Runs a query that returns rows of two texts.
pub(crate) fn rows(url: &str, query: &str) -> Vec<(String, String)> {
    on(url, async |pool| sqlx::query_as(AssertSqlSafe(query)).fetch_all(&pool).await.expect("an answer"))
}

/// Runs a statement.
pub(crate) fn execute(url: &str, statement: &str) {
    on(url, async |pool| {
        sqlx::query(AssertSqlSafe(statement)).execute(&pool).await.expect("done");
    });
}

fn on_queue<T>(place: &QueuePlace, work: impl AsyncFnOnce(&AnyQueue) -> T) -> T {
    runtime().block_on(async {
        let queue = place.open().await.expect("a queue");
        let result = work(&queue).await;
        queue.disconnect().await.expect("disconnected");
        result
    })
}

fn on<T>(url: &str, work: impl AsyncFnOnce(AnyPool) -> T) -> T {
    sqlx::any::install_default_drivers();
    runtime().block_on(async {
        let pool = AnyPoolOptions::new().max_connections(1).connect(url).await.expect("a database");
        let result = work(pool.clone()).await;
        pool.close().await;
        result
    })
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}
