//! A service with a pool of PostgreSQL connections, of which so many as its first argument says are kept by somebody. The second
//! is the server's URL, the third `ours`, `closure`, or `by-hand`, without Ebbtide.

use std::process::{ExitCode, Termination as _};
use std::time::Duration;

use ebbtide::{BoxError, LameDuck, Lifecycle};
use ebbtide_sqlx::SqlxExt as _;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;

use crate::setup::{Arguments, log_to_stderr, sigterm};

pub(crate) fn run(mut arguments: Arguments) -> ExitCode {
    log_to_stderr();
    let mut next = || arguments.next().unwrap_or_default();
    let (held, url, how) = (next().parse().unwrap_or(0), next(), next());
    if how == "by-hand" {
        return by_hand(&url, held).report();
    }
    let lifecycle = Lifecycle::new("holds").lame_duck(LameDuck::NONE).worker_threads(2);
    lifecycle.progress_every(Duration::from_millis(50)).run(async move |app| {
        app.resource("first", (), |()| async {
            eprintln!("closed first");
            Ok(())
        });
        let pool = open(&url).await?;
        if how == "closure" {
            app.resource("postgres", pool.clone(), |pool| async move {
                pool.close().await;
                Ok(())
            });
        } else {
            app.sqlx("postgres", pool.clone());
        }
        keep(&pool, held).await
    })
}

async fn open(url: &str) -> Result<PgPool, BoxError> {
    Ok(PgPoolOptions::new().max_connections(5).min_connections(5).connect(url).await?)
}

/// Takes connections out of the pool and never gives them back.
async fn keep(pool: &PgPool, count: usize) -> Result<(), BoxError> {
    for _ in 0..count {
        std::mem::forget(pool.acquire().await?);
    }
    Ok(())
}

#[tokio::main(worker_threads = 2)]
async fn by_hand(url: &str, held: usize) -> Result<(), BoxError> {
    let stopped = sigterm()?;
    let pool = open(url).await?;
    keep(&pool, held).await?;
    eprintln!("phase=ready");
    stopped.await;
    pool.close().await;
    Ok(())
}
