//! A service that needs what its first argument names, an address, before it is ready. The second says how it waits:
//! `often`, `seldom`, `thrice`, or
//! `by-hand`, without Ebbtide.
#![expect(clippy::print_stderr, reason = "bare lines are what it is for")]

use std::process::ExitCode;
use std::time::Duration;

use ebbtide::lifecycle::Retry;
use ebbtide::{Backoff, BoxError, Life, Lifecycle};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::signal::unix::{SignalKind, signal};

fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
    let addr = std::env::args().nth(1).unwrap_or_default();
    let retry = match std::env::args().nth(2).as_deref() {
        Some("by-hand") => return by_hand(&addr),
        Some("thrice") => {
            Retry::new(Backoff::new(Duration::from_millis(10), Duration::from_millis(20))).attempts(3)
        }
        Some("seldom") => Retry::new(Backoff::new(Duration::from_secs(30), Duration::from_secs(60))),
        _ => Retry::new(Backoff::new(Duration::from_millis(50), Duration::from_millis(200))),
    };
    Lifecycle::new("waits").worker_threads(2).run(async move |life| {
        open(&life, "first");
        life.retry("greeter", retry, async || greet(&addr).await).await?;
        open(&life, "second");
        Ok(())
    })
}

/// Connects, and waits for a byte.
async fn greet(addr: &str) -> Result<(), BoxError> {
    TcpStream::connect(addr).await?.read_u8().await?;
    Ok(())
}

fn open(life: &Life, name: &'static str) {
    eprintln!("opened {name}");
    life.resource(name, (), move |()| async move {
        eprintln!("closed {name}");
        Ok(())
    });
}

/// What one writes without Ebbtide: open everything, then wait for the signal.
#[tokio::main(worker_threads = 2)]
async fn by_hand(addr: &str) -> ExitCode {
    eprintln!("opened first");
    while let Err(error) = greet(addr).await {
        eprintln!("not there yet: {error}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    if let Ok(mut terminate) = signal(SignalKind::terminate()) {
        terminate.recv().await;
    }
    eprintln!("closed first");
    ExitCode::SUCCESS
}
