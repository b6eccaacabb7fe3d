use std::thread;
use std::time::Duration;

use ebbtide_sqlx::PostgresQueue;
use futures_util::future::join_all;
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, PgPool};

use crate::support::unique;
use crate::table::{Place, rows};

/// A separate database. It is deleted on drop.
pub(super) struct Database {
    admin: String,
    name: String,
}

impl Database {
    pub(super) async fn new() -> Self {
        let default = || "postgres://postgres@127.0.0.1:5432/postgres".to_owned();
        let admin = std::env::var("EBBTIDE_TEST_POSTGRES").unwrap_or_else(|_| default());
        let name = format!("ebbtide_queue_test_{}", unique());
        execute(&admin, format!("CREATE DATABASE {name}")).await;
        Self { admin, name }
    }

    pub(super) fn url(&self) -> String {
        let (server, _) = self.admin.rsplit_once('/').unwrap();
        format!("{server}/{}", self.name)
    }

    pub(super) async fn pool(&self) -> PgPool {
        let options = PgPoolOptions::new().max_connections(4).acquire_timeout(Duration::from_secs(5));
        options.connect(&self.url()).await.unwrap()
    }

    /// Terminates the sessions whose last statement matches this pattern, and returns their number.
    pub(super) async fn terminate(&self, query: &str) -> i64 {
        let mut admin = PgConnection::connect(&self.admin).await.unwrap();
        let terminate = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
            WHERE datname = $1 AND query LIKE $2";
        let terminated = sqlx::query_scalar(terminate).bind(&self.name).bind(query);
        let terminated = terminated.fetch_one(&mut admin).await.unwrap();
        admin.close().await.unwrap();
        terminated
    }

    /// Returns the number of sessions whose last statement matches this pattern.
    pub(super) async fn sessions(&self, query: &str) -> i64 {
        let mut admin = PgConnection::connect(&self.admin).await.unwrap();
        let count = "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND query LIKE $2";
        let sessions = sqlx::query_scalar(count).bind(&self.name).bind(query);
        let sessions = sessions.fetch_one(&mut admin).await.unwrap();
        admin.close().await.unwrap();
        sessions
    }

    /// Ends the queue's sessions, so that their statistics are reported, and returns the number of rows that all sessions
    /// have read in sequential scans of the table.
    pub(super) async fn rows_passed_by(&self, queue: PostgresQueue) -> i64 {
        queue.pool().close().await;
        self.wait_for_sessions("%", 0).await;
        let mut connection = PgConnection::connect(&self.url()).await.unwrap();
        let count = "SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 'ebbtide_jobs'";
        let rows = sqlx::query_scalar(count).fetch_one(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        rows
    }

    /// Waits until all sessions have ended, and returns how many of them were abandoned.
    pub(super) async fn abandoned(&self) -> i64 {
        let mut admin = PgConnection::connect(&self.admin).await.unwrap();
        let counts =
            "SELECT numbackends::bigint, sessions_abandoned FROM pg_stat_database WHERE datname = $1";
        let abandoned = loop {
            let counts = sqlx::query_as(counts).bind(&self.name).fetch_one(&mut admin).await.unwrap();
            match counts {
                (0_i64, abandoned) => break abandoned,
                _ => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        };
        admin.close().await.unwrap();
        abandoned
    }

    /// Waits until there are this many sessions.
    pub(super) async fn wait_for_sessions(&self, query: &str, expected: i64) {
        while self.sessions(query).await != expected {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let drop = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        // A separate thread, because this one runs the test's runtime.
        thread::scope(|scope| {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(execute(&self.admin, drop));
            });
        });
    }
}

async fn execute(url: &str, statement: String) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

rows!(PostgresQueue);

impl Place for Database {
    type Queue = PostgresQueue;

    async fn queue_named(&self, name: &str) -> PostgresQueue {
        let queue = PostgresQueue::new(self.pool().await, name);
        queue.create().await.unwrap();
        queue
    }

    async fn hold_all(queue: &PostgresQueue) -> Vec<Box<dyn Send>> {
        let mut held: Vec<Box<dyn Send>> = Vec::new();
        for _ in 0..queue.pool().options().get_max_connections() {
            held.push(Box::new(queue.pool().acquire().await.unwrap()));
        }
        held
    }

    async fn close(queue: PostgresQueue) {
        queue.pool().close().await;
    }

    async fn several_make_it(&self, count: usize) -> Vec<PostgresQueue> {
        execute(&self.url(), "DROP TABLE IF EXISTS ebbtide_jobs".to_owned()).await;
        let pools = join_all((0..count).map(|_| self.pool())).await;
        let queues: Vec<_> = pools.into_iter().map(|pool| PostgresQueue::new(pool, "jobs")).collect();
        for made in join_all(queues.iter().map(PostgresQueue::create)).await {
            made.unwrap();
        }
        queues
    }
}
