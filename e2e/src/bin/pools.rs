//! Jobs in a pool, or, with `by-hand`, in a channel with workers behind it, as one writes it without Ebbtide.
#![expect(clippy::print_stderr, reason = "bare lines are what it is for")]

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use ebbtide::lifecycle::PoolOptions;
use ebbtide::{LameDuck, Lifecycle};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

const JOBS: usize = 200;
const WORKERS: usize = 4;

fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
    if std::env::args().nth(1).as_deref() == Some("by-hand") {
        return by_hand();
    }
    Lifecycle::new("pools").lame_duck(LameDuck::NONE).worker_threads(2).run(async |life| {
        let options = PoolOptions::new(WORKERS).capacity(JOBS);
        let pool = life.workers("pool", options, |n: usize, _| async move {
            work(n).await;
            Ok(())
        });
        for n in 0..JOBS {
            pool.send(n).await?;
        }
        eprintln!("all sent");
        Ok(())
    })
}

async fn work(n: usize) {
    tokio::time::sleep(Duration::from_millis(10)).await;
    eprintln!("done {n}");
}

#[tokio::main(worker_threads = 2)]
async fn by_hand() -> ExitCode {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return ExitCode::FAILURE };
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
    terminate.recv().await;
    ExitCode::SUCCESS
}
