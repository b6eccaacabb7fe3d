//! Jobs in a pool; with `chain 3` in one that feeds a second that feeds a third; with `backwards` in one that feeds another
//! which is registered after it; with `by-hand` in a channel with workers behind it, as one writes it without Ebbtide.

use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ebbtide::lifecycle::{Pool, PoolOptions};
use ebbtide::{BoxError, Handle, LameDuck, Lifecycle};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

use crate::setup::{Arguments, log_to_stderr, sigterm};

const JOBS: usize = 200;
const WORKERS: usize = 4;

pub(crate) fn run(mut arguments: Arguments) -> ExitCode {
    log_to_stderr();
    let how = arguments.next();
    if how.as_deref() == Some("by-hand") {
        return by_hand();
    }
    let lifecycle = Lifecycle::new("pools").lame_duck(LameDuck::NONE).worker_threads(2);
    lifecycle.run(async move |app| {
        let pool = match how.as_deref() {
            Some("chain") => chain(&app, arguments.next().ok_or("how many pools?")?.parse()?),
            Some("backwards") => backwards(&app)?,
            _ => last(&app),
        };
        for n in 0..JOBS {
            pool.send(n).await?;
        }
        eprintln!("all sent");
        Ok(())
    })
}

/// Returns a pool that does the work.
fn last(app: &Handle) -> Pool<usize> {
    app.workers("pool", PoolOptions::new(WORKERS).capacity(JOBS), |n, _| async move {
        work(n).await;
        Ok(())
    })
}

/// Returns the first of so many pools, each of which hands its jobs on to the one that was registered before it.
fn chain(app: &Handle, pools: usize) -> Pool<usize> {
    (1..pools).fold(last(app), |to, n| {
        app.workers(format!("pool {n}"), PoolOptions::new(WORKERS).capacity(JOBS), move |n, _| {
            let to = to.clone();
            async move { hand_on(n, &to).await }
        })
    })
}

/// Returns a pool that feeds another which is registered after it.
fn backwards(app: &Handle) -> Result<Pool<usize>, BoxError> {
    let to = Arc::new(OnceLock::new());
    let later = Arc::clone(&to);
    let first = app.workers("first", PoolOptions::new(WORKERS).capacity(JOBS), move |n, _| {
        let to = Arc::clone(&later);
        async move { hand_on(n, to.get().ok_or("it is set before the first job")?).await }
    });
    to.set(last(app)).map_err(|_| "it is set once")?;
    Ok(first)
}

async fn hand_on(n: usize, to: &Pool<usize>) -> Result<(), BoxError> {
    tokio::time::sleep(Duration::from_millis(10)).await;
    Ok(to.send(n).await?)
}

async fn work(n: usize) {
    tokio::time::sleep(Duration::from_millis(10)).await;
    eprintln!("done {n}");
}

#[tokio::main(worker_threads = 2)]
async fn by_hand() -> ExitCode {
    let Ok(stopped) = sigterm() else { return ExitCode::FAILURE };
    let (sender, receiver) = mpsc::channel(JOBS);
    let receiver = Arc::new(Mutex::new(receiver));
    let mut workers = JoinSet::new();
    for _ in 0..WORKERS {
        let receiver = Arc::clone(&receiver);
        workers.spawn(async move {
            loop {
                let job = receiver.lock().await.recv().await;
                let Some(n) = job else { return };
                work(n).await;
            }
        });
    }
    for n in 0..JOBS {
        if sender.send(n).await.is_err() {
            return ExitCode::FAILURE;
        }
    }
    eprintln!("all sent");
    eprintln!("phase=ready");
    stopped.await;
    ExitCode::SUCCESS
}
