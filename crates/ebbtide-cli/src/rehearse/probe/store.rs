//! The demo's orders and its log, after the exit.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use tokio::task::JoinSet;
use tokio_postgres::NoTls;

use crate::rehearse::record::{OrderStore, Store};
use crate::words;

/// Where the demo keeps its orders.
#[derive(Clone, Debug)]
pub(crate) struct StorePlace {
    /// The data folder, with the log.
    pub(crate) folder: PathBuf,
    /// The PostgreSQL database with the orders; without one they are in the folder.
    pub(crate) postgres: Option<String>,
}

/// Reads what the demo left at `place` and looks up the orders that it had `acknowledged`.
pub(crate) async fn store(place: &StorePlace, acknowledged: &[Box<str>]) -> Store {
    let states = match &place.postgres {
        Some(url) => from_postgres(url).await.map_err(|error| words::chain(&error)),
        None => from_sqlite(&place.folder.join("orders.db")).await.map_err(|error| words::chain(&error)),
    };
    Store {
        orders: states.map(|states| compare(states, acknowledged)),
        last_log_line: last_line(&place.folder.join("demo.log")),
    }
}

const IN_SQLITE: &str = "SELECT CAST(id AS TEXT), CAST(state AS TEXT) FROM orders";
/// A shared server gets a name that is nobody else's.
const IN_POSTGRES: &str = "SELECT CAST(id AS TEXT), CAST(state AS TEXT) FROM ebbtide_demo_orders";

async fn from_sqlite(file: &Path) -> Result<HashMap<String, String>, sqlx::Error> {
    let options = SqliteConnectOptions::new().filename(file).create_if_missing(false);
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
    let rows: Vec<(String, String)> = sqlx::query_as(IN_SQLITE).fetch_all(&pool).await?;
    pool.close().await;
    Ok(rows.into_iter().collect())
}

async fn from_postgres(url: &str) -> Result<HashMap<String, String>, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    let mut driver = JoinSet::new();
    driver.spawn(connection);
    let rows = client.query(IN_POSTGRES, &[]).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

fn compare(states: HashMap<String, String>, acknowledged: &[Box<str>]) -> OrderStore {
    let missing = acknowledged.iter().filter(|id| !states.contains_key(&***id)).map(ToString::to_string);
    let mut store = OrderStore { total: states.len(), missing: missing.collect(), ..OrderStore::default() };
    for (id, state) in states {
        match state.as_str() {
            "stored" => store.stored.push(id),
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
    fn an_acknowledged_order_that_is_not_there_is_missing() {
        let states = [("a", "done"), ("b", "stored"), ("c", "processing")];
        let states = states.map(|(id, state)| (id.to_owned(), state.to_owned())).into();
        let store = compare(states, &["a".into(), "z".into()]);
        assert_eq!(store.total, 3);
        assert_eq!((store.stored, store.processing), (vec!["b".to_owned()], vec!["c".to_owned()]));
        assert_eq!(store.missing, ["z"]);
    }
}
