//! What one writes without Ebbtide: the opposite of the guarantees that the victim is tested for.

use std::thread;
use std::time::Duration;

use crate::setup::{Arguments, sigterm};

#[tokio::main(worker_threads = 2)]
pub(crate) async fn run(mut arguments: Arguments) -> std::io::Result<()> {
    let fault = arguments.next().unwrap_or_default();
    let stopped = sigterm()?;
    eprintln!("up");
    match fault.as_str() {
        "spinning-runtime" => {
            let spinners = (0..4).map(|_| async {
                loop {
                    std::hint::spin_loop();
                }
            });
            let mut tasks = tokio::task::JoinSet::<()>::new();
            stopped.await;
            for spinner in spinners {
                tasks.spawn(spinner);
            }
            while tasks.join_next().await.is_some() {}
        }
        "spawn-blocking" => {
            tokio::task::spawn_blocking(|| thread::sleep(Duration::MAX));
            stopped.await;
        }
        "hanging-close" => {
            stopped.await;
            std::future::pending::<()>().await;
        }
        _ => {
            stopped.await;
        }
    }
    Ok(())
}
