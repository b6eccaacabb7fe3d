//! What one writes without Ebbtide: the opposite of the guarantees that the victim is tested for.
#![expect(clippy::print_stderr, reason = "bare lines are what it is for")]

use std::thread;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

#[tokio::main(worker_threads = 2)]
async fn main() -> std::io::Result<()> {
    let fault = std::env::args().nth(1).unwrap_or_default();
    let mut terminate = signal(SignalKind::terminate())?;
    eprintln!("up");
    match fault.as_str() {
        "spinning-runtime" => {
            let spinners = (0..4).map(|_| async {
                loop {
                    std::hint::spin_loop();
                }
            });
            let mut tasks = tokio::task::JoinSet::<()>::new();
            terminate.recv().await;
            for spinner in spinners {
                tasks.spawn(spinner);
            }
            while tasks.join_next().await.is_some() {}
        }
        "spawn-blocking" => {
            tokio::task::spawn_blocking(|| thread::sleep(Duration::MAX));
            terminate.recv().await;
        }
        "hanging-close" => {
            terminate.recv().await;
            std::future::pending::<()>().await;
        }
        _ => {
            terminate.recv().await;
        }
    }
    Ok(())
}
