//! A service with a pool of PostgreSQL connections, of which so many as its first argument says are kept by somebody. The second
//! is the server's URL, the third `ours`, `closure`, or `by-hand`, without Ebbtide.
#![expect(clippy::print_stderr, reason = "bare lines are what it is for")]

use std::process::ExitCode;
use std::time::Duration;

use ebbtide::{BoxError, LameDuck, Lifecycle};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio::signal::unix::{SignalKind, signal};

fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
    let argument = |n| std::env::args().nth(n).unwrap_or_default();
    let (held, url, how) = (argument(1).parse().unwrap_or(0), argument(2), argument(3));
    if how == "by-hand" {
        return by_hand(&url, held);
    }
    let lifecycle = Lifecycle::new("holds").lame_duck(LameDuck::NONE).worker_threads(2);
    lifecycle.progress_every(Duration::from_millis(50)).run(async move |life| {
        life.resource("first", (), |()| async {
            eprintln!("closed first");
            Ok(())
        });
        let pool = open(&url).await?;
        if how == "closure" {
            life.resource("postgres", pool.clone(), |pool| async move {
                pool.close().await;
                Ok(())
            });
        } else {
            life.sqlx("postgres", pool.clone());
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
async fn by_hand(url: &str, held: usize) -> ExitCode {
    let run = async {
        let mut terminate = signal(SignalKind::terminate())?;
        let pool = open(url).await?;
        keep(&pool, held).await?;
        eprintln!("phase=ready");
        terminate.recv().await;
        pool.close().await;
        Ok::<_, BoxError>(())
    };
    match run.await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
