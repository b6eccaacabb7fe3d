//! A WebSocket echo: `told` by the helper, `bare` without it, or on `axum`'s own server.
#![expect(clippy::print_stderr, reason = "bare lines tell where it listens and what it has read")]

use std::process::ExitCode;

use ebbtide::{BoxError, Life, Lifecycle};
use ebbtide_e2e::{Echoes, sockets};
use tokio::signal::unix::{SignalKind, signal};

fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
    let mode = std::env::args().nth(1).unwrap_or_default();
    match mode.as_str() {
        "axum" => match axum() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{error}");
                ExitCode::FAILURE
            }
        },
        _ => Lifecycle::new("sockets").worker_threads(2).run(async |life| ours(life, mode == "told").await),
    }
}

async fn ours(life: Life, told: bool) -> Result<(), BoxError> {
    let echoes = Echoes::default();
    let listener = life.bind("127.0.0.1:0").await?;
    eprintln!("listening on {}", listener.local_addr());
    life.http("api", listener, sockets(echoes.clone(), told.then(|| life.drain_token())));
    life.on_flush("count", move || eprintln!("read {} messages", echoes.read()));
    Ok(())
}

#[tokio::main(worker_threads = 2)]
async fn axum() -> std::io::Result<()> {
    let echoes = Echoes::default();
    let mut terminate = signal(SignalKind::terminate())?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    eprintln!("listening on {}", listener.local_addr()?);
    let stopped = async move {
        terminate.recv().await;
    };
    axum::serve(listener, sockets(echoes.clone(), None)).with_graceful_shutdown(stopped).await?;
    eprintln!("read {} messages", echoes.read());
    Ok(())
}
