//! A service that needs what its first argument names, an address, before it is ready. The second says how it waits:
//! `often`, `seldom`, `thrice`, or `by-hand`, without Ebbtide.

use std::process::ExitCode;
use std::time::Duration;

use ebbtide::lifecycle::Retry;
use ebbtide::{Backoff, BoxError, Handle, Lifecycle};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use crate::setup::{Arguments, log_to_stderr, sigterm};

pub(crate) fn run(mut arguments: Arguments) -> ExitCode {
    log_to_stderr();
    let addr = arguments.next().unwrap_or_default();
    let retry = match arguments.next().as_deref() {
        Some("by-hand") => return by_hand(&addr),
        Some("thrice") => {
            Retry::new(Backoff::new(Duration::from_millis(10), Duration::from_millis(20))).attempts(3)
        }
        Some("seldom") => Retry::new(Backoff::new(Duration::from_secs(30), Duration::from_secs(60))),
        _ => Retry::new(Backoff::new(Duration::from_millis(50), Duration::from_millis(200))),
    };
    Lifecycle::new("waits").worker_threads(2).run(async move |app| {
        open(&app, "first");
        app.retry("greeter", retry, async || greet(&addr).await).await?;
        open(&app, "second");
        Ok(())
    })
}

/// Connects, and waits for a byte.
async fn greet(addr: &str) -> Result<(), BoxError> {
    TcpStream::connect(addr).await?.read_u8().await?;
    Ok(())
}

fn open(app: &Handle, name: &'static str) {
    eprintln!("opened {name}");
    app.resource(name, (), move |()| async move {
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
    if let Ok(stopped) = sigterm() {
        stopped.await;
    }
    eprintln!("closed first");
    ExitCode::SUCCESS
}
