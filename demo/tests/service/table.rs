//! A look at the tables behind the service's back.

use std::collections::BTreeMap;

use sqlx::any::AnyPoolOptions;
use sqlx::{AnyPool, AssertSqlSafe};
use tempfile::TempDir;

/// Returns the state of each order in the folder's `orders.db`.
pub(crate) fn orders(folder: &TempDir) -> BTreeMap<String, String> {
    let url = format!("sqlite://{}/orders.db", folder.path().display());
    rows(&url, "SELECT id, state FROM orders").into_iter().collect()
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

fn on<T>(url: &str, work: impl AsyncFnOnce(AnyPool) -> T) -> T {
    sqlx::any::install_default_drivers();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let pool = AnyPoolOptions::new().max_connections(1).connect(url).await.expect("a database");
        let result = work(pool.clone()).await;
        pool.close().await;
        result
    })
}
