//! A WebSocket echo: `told` by the helper, `bare` without it, or on `axum`'s own server.

use std::process::{ExitCode, Termination as _};

use ebbtide::{BoxError, Handle, Lifecycle};
use ebbtide_e2e::{Echoes, sockets};

use crate::setup::{Arguments, log_to_stderr, sigterm};

pub(crate) fn run(mut arguments: Arguments) -> ExitCode {
    log_to_stderr();
    let mode = arguments.next().unwrap_or_default();
    match mode.as_str() {
        "axum" => axum().report(),
        _ => Lifecycle::new("sockets").worker_threads(2).run(async |app| ours(app, mode == "told").await),
    }
}

async fn ours(app: Handle, told: bool) -> Result<(), BoxError> {
    let echoes = Echoes::default();
    let listener = app.bind("127.0.0.1:0").await?;
    eprintln!("listening on {}", listener.local_addr());
    app.http("api", listener, sockets(echoes.clone(), told.then(|| app.drain_token())));
    app.on_flush("count", move || eprintln!("read {} messages", echoes.read()));
    Ok(())
}

#[tokio::main(worker_threads = 2)]
async fn axum() -> std::io::Result<()> {
    let echoes = Echoes::default();
    let stopped = sigterm()?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    eprintln!("listening on {}", listener.local_addr()?);
    axum::serve(listener, sockets(echoes.clone(), None)).with_graceful_shutdown(stopped).await?;
    eprintln!("read {} messages", echoes.read());
    Ok(())
}
