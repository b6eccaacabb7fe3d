use std::pin::Pin;
use std::time::Duration;

use apalis::prelude::*;
use apalis_sqlite::{Config, SqliteStorage};
use ebbtide::BoxError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use super::broker::Work;
use crate::measure::now;

/// Empties an apalis queue in a separate file, and returns how long that took.
///
/// The file is as durable as Ebbtide's: apalis's `setup` turns `synchronous` off on one of its connections. The pool has as many
/// connections, runs as many jobs concurrently, each in a task, and fetches as many per batch.
pub(super) async fn turn(jobs: u32, places: usize) -> Result<Duration, BoxError> {
    let folder = tempfile::tempdir()?;
    let options = SqliteConnectOptions::new()
        .filename(folder.path().join("jobs.db"))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(5));
    let pool = SqlitePoolOptions::new().max_connections(4).connect_with(options).await?;
    SqliteStorage::<()>::migrations().run(&pool).await?;
    let mut transaction = pool.begin().await?;
    let filling: Vec<_> = (0..jobs).map(|_| TaskBuilder::new(b"0".to_vec()).build()).collect();
    apalis_sqlite::queries::push_tasks(&mut *transaction, "bench", &filling).await?;
    transaction.commit().await?;

    let config = Config::default().queue("bench").batch_size(places);
    let backend = SqliteStorage::<u32>::new(&pool).with_config(config);
    let work = Work::of(jobs);
    let handler = async |_job: u32, work: Data<Work>, worker: WorkerContext| {
        work.run();
        if work.left() == 0 {
            worker.stop()?;
        }
        Ok::<_, BoxDynError>(())
    };
    #[expect(clippy::disallowed_methods, reason = "this peer runs its jobs in separate tasks this way")]
    let worker = WorkerBuilder::new("bench")
        .backend(backend)
        .concurrency(places)
        .parallelize(tokio::spawn)
        .data(work.clone())
        .build(handler);
    let running = boxed(worker.run());
    let began = now();
    running.await?;
    let took = began.elapsed();

    let undone: i64 =
        sqlx::query_scalar("SELECT count(*) FROM Jobs WHERE status <> 'Done'").fetch_one(&pool).await?;
    pool.close().await;
    if undone == 0 { Ok(took) } else { Err(format!("{undone} jobs not done").into()) }
}

/// Erases the worker's type: its lifetimes keep a future that holds it from being `Send`.
fn boxed<F: Future + Send + 'static>(future: F) -> Pin<Box<dyn Future<Output = F::Output> + Send>> {
    Box::pin(future)
}
