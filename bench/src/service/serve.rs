use std::fmt::Display;
use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::process::ExitCode;

use axum::Router;
use axum::routing::get;
use ebbtide::{LameDuck, Lifecycle};
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

use super::Side;
use crate::measure::pin_to_core;

/// Both runtimes get one worker: they have one core.
const WORKERS: usize = 1;

/// Any free port.
const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

/// Serves `/ping` until SIGTERM, all threads on one core if it is given, after writing the address to standard output.
pub fn serve(side: Side, core: Option<usize>) -> ExitCode {
    if core.is_some_and(|core| pin_to_core(core).is_err()) {
        return ExitCode::FAILURE;
    }
    match side {
        Side::Ebbtide => ebbtide(),
        Side::Axum => axum().map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS),
    }
}

fn ebbtide() -> ExitCode {
    Lifecycle::new("ping").worker_threads(WORKERS).lame_duck(LameDuck::NONE).run(async |life| {
        let listener = life.bind(ADDRESS).await?;
        let address = listener.local_addr();
        life.http("api", listener, router());
        announce(address)?;
        Ok(())
    })
}

fn axum() -> io::Result<()> {
    let runtime = Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build()?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let listener = TcpListener::bind(ADDRESS).await?;
        announce(listener.local_addr()?)?;
        let stopped = async move {
            terminate.recv().await;
        };
        axum::serve(listener, router()).with_graceful_shutdown(stopped).await
    })
}

/// The demo's `/ping`.
fn router() -> Router {
    Router::new().route("/ping", get(async || "pong"))
}

fn announce(address: impl Display) -> io::Result<()> {
    let mut out = io::stdout();
    writeln!(out, "{address}")?;
    out.flush()
}
