//! The same service on PostgreSQL. The server is the one that `EBBTIDE_TEST_POSTGRES` names.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::Duration;

use ebbtide_demo::queue::QueueKind;

use super::client::Load;
use super::process::{Demo, Ended, folder};
use super::table::{self, execute, rows};

/// A separate database, so that its statistics cover only this test. Removed on drop.
struct Database {
    admin: String,
    name: String,
}

static NUMBER: AtomicU32 = AtomicU32::new(0);

impl Database {
    fn create() -> Self {
        let default = || "postgres://postgres@127.0.0.1:5432/postgres".to_owned();
        let admin = std::env::var("EBBTIDE_TEST_POSTGRES").unwrap_or_else(|_| default());
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("ebbtide_demo_test_{}_{number}", std::process::id());
        execute(&admin, &format!("CREATE DATABASE {name}"));
        Self { admin, name }
    }

    fn url(&self) -> String {
        let (server, _) = self.admin.rsplit_once('/').expect("a URL with a database");
        format!("{server}/{}", self.name)
    }

    /// Waits until the server has recorded the end of all sessions, and returns how many were abandoned.
    fn abandoned(&self) -> String {
        let query = format!(
            "SELECT numbackends::text, sessions_abandoned::text FROM pg_stat_database WHERE datname = '{}'",
            self.name
        );
        loop {
            match rows(&self.admin, &query).remove(0) {
                (backends, abandoned) if backends == "0" => return abandoned,
                _ => sleep(Duration::from_millis(20)),
            }
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        execute(&self.admin, &format!("DROP DATABASE {} WITH (FORCE)", self.name));
    }
}

fn stopped_under_load(database: &Database, options: &[&str]) -> (Ended, Vec<String>) {
    let folder = folder();
    let data = folder.path().to_str().expect("a plain path");
    let options = [&["--data", data], options].concat();
    let demo = Demo::launch(&options, &[("DATABASE_URL", &database.url())]);
    let load = Load::start(demo.address, 8);
    load.wait_for(50);
    let ended = demo.stopped();
    (ended, load.answered())
}

#[test]
fn on_postgres_each_order_is_done_or_queued_and_no_session_is_abandoned() {
    let database = Database::create();
    let (ended, answered) = stopped_under_load(&database, &[]);
    assert_eq!((ended.code, ended.undrained), (Some(0), vec![]), "{}", ended.said.join("\n"));
    assert_eq!(database.abandoned(), "0");
    let table = rows(&database.url(), "SELECT id, state FROM ebbtide_demo_orders");
    let place = table::place(QueueKind::Postgres, database.url());
    assert!(table::assert_none_half_way(table.iter().map(|(_, state)| state), &place) > 0);
    assert!(answered.iter().all(|id| table.iter().any(|(stored, _)| stored == id)) && answered.len() >= 50);
}

#[test]
fn on_postgres_a_leaked_connection_abandons_sessions() {
    let database = Database::create();
    let (ended, _) = stopped_under_load(&database, &["--fault", "leak-connection"]);
    assert_eq!(ended.code, Some(3), "{}", ended.said.join("\n"));
    // All sessions, not only one: sqlx closes no connection before all are released.
    assert_ne!(database.abandoned(), "0");
}

/// The rehearsal reads the tables like this before and after its runs. An abandoned session there would be counted as the
/// service's.
#[test]
fn reading_missing_tables_abandons_no_session() {
    let database = Database::create();
    let place = table::place(QueueKind::Postgres, database.url());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let states = ebbtide_demo::order_states(Path::new("."), Some(&database.url())).await;
        assert!(states.is_err(), "there is no table yet");
        assert!(place.remove().await.is_err(), "nor one of jobs");
    });
    let both = format!(
        "SELECT sessions::text, sessions_abandoned::text FROM pg_stat_database WHERE datname = '{}'",
        database.name
    );
    while rows(&database.admin, &both).remove(0).0 != "2" {
        sleep(Duration::from_millis(20));
    }
    assert_eq!(database.abandoned(), "0");
}
