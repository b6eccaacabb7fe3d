use std::pin::Pin;
use std::time::Duration;

use apalis::prelude::*;
use apalis_sqlite::{Config, SqliteStorage};
use ebbtide::BoxError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use super::broker::Work;
use crate::measure::now;

/// Works off a queue of apalis's in a file of its own, and returns how long that took.
///
/// Its file is as durable as ours: apalis's own `setup` turns `synchronous` off on one of its connections. It has as many
/// connections, as many jobs side by side, each in a task, and takes as many in a batch.
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
    #[expect(clippy::disallowed_methods, reason = "it is how this peer runs its jobs in tasks of their own")]
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
    if undone == 0 { Ok(took) } else { Err(format!("{undone} jobs are not done").into()) }
}

/// Hides the type of the worker, whose lifetimes keep a future that holds it from being sent to a task.
fn boxed<F: Future + Send + 'static>(future: F) -> Pin<Box<dyn Future<Output = F::Output> + Send>> {
    Box::pin(future)
}
