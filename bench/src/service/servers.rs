//! `/ping` served by each side, stopped as its documentation recommends.

use std::convert::Infallible;
use std::fmt::Display;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

#[cfg(feature = "peers")]
use actix_web::rt::System;
#[cfg(feature = "peers")]
use actix_web::web::get;
#[cfg(feature = "peers")]
use actix_web::{App, HttpServer};
use axum::Router;
use axum::extract::Path;
use axum::routing::post;
#[cfg(feature = "peers")]
use axum_server::Handle;
use bytes::Bytes;
use ebbtide::{LameDuck, Lifecycle};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use super::{ServerArgs, Side};
use crate::measure::{pin_to_core, raise_descriptors};

/// A free port chosen by the system.
const ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// The body of `/ping`, the same for every server.
const PONG: &str = "pong";

/// Writes the address to standard output and serves `/ping` until SIGTERM. Pins all threads to the core, if one is given.
pub fn serve(side: Side, args: ServerArgs) -> ExitCode {
    if args.core.is_some_and(|core| pin_to_core(core).is_err()) || raise_descriptors().is_err() {
        return ExitCode::FAILURE;
    }
    let served = match side {
        Side::Ebbtide => return ebbtide(args.workers),
        Side::Axum => axum(args.workers),
        Side::Hyper => hyper(args.workers),
        #[cfg(feature = "peers")]
        Side::AxumServer => axum_server(args.workers),
        #[cfg(feature = "peers")]
        Side::Actix => actix(args.workers, args.http2),
        #[cfg(not(feature = "peers"))]
        Side::AxumServer | Side::Actix => return ExitCode::FAILURE,
    };
    served.map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
}

/// All settings at their defaults except the lame duck: the peers have none, and the times to exit must be comparable.
fn ebbtide(workers: Option<usize>) -> ExitCode {
    let mut lifecycle = Lifecycle::new("ping").lame_duck(LameDuck::NONE);
    if let Some(workers) = workers {
        lifecycle = lifecycle.worker_threads(workers);
    }
    lifecycle.run(async |app| {
        let listener = app.bind(ADDRESS).await?;
        let address = listener.local_addr();
        app.http("api", listener, router());
        announce(address)?;
        Ok(())
    })
}

/// As axum's example `graceful-shutdown`.
fn axum(workers: Option<usize>) -> io::Result<()> {
    runtime(workers)?.block_on(async {
        let terminated = terminated()?;
        let listener = TcpListener::bind(ADDRESS).await?;
        announce(listener.local_addr()?)?;
        axum::serve(listener, router()).with_graceful_shutdown(terminated).await
    })
}

/// The limit in hyper-util's example.
const HYPER_LIMIT: Duration = Duration::from_secs(10);

/// As hyper-util's example `server_graceful`: one handler without a router, as is usual with hyper.
#[expect(clippy::disallowed_methods, reason = "as the peer's example does")]
fn hyper(workers: Option<usize>) -> io::Result<()> {
    runtime(workers)?.block_on(async {
        let mut terminated = pin!(terminated()?);
        let listener = TcpListener::bind(ADDRESS).await?;
        announce(listener.local_addr()?)?;
        let server = Builder::new(TokioExecutor::new());
        let graceful = GracefulShutdown::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    let Ok((stream, _)) = accepted else {
                        tokio::time::sleep(Duration::from_secs(1)).await;
                        continue;
                    };
                    let io = TokioIo::new(Box::pin(stream));
                    let connection = server.serve_connection_with_upgrades(io, service_fn(pong));
                    tokio::spawn(graceful.watch(connection.into_owned()));
                }
                () = &mut terminated => break,
            }
        }
        drop(listener);
        tokio::select! {
            () = graceful.shutdown() => {}
            () = tokio::time::sleep(HYPER_LIMIT) => {}
        }
        Ok(())
    })
}

async fn pong(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::new(Bytes::from_static(PONG.as_bytes()))))
}

/// The limit in the example of its documentation.
#[cfg(feature = "peers")]
const AXUM_SERVER_LIMIT: Duration = Duration::from_secs(30);

/// As axum-server's example `graceful_shutdown`.
#[cfg(feature = "peers")]
#[expect(clippy::disallowed_methods, reason = "as the peer's documentation does")]
fn axum_server(workers: Option<usize>) -> io::Result<()> {
    runtime(workers)?.block_on(async {
        let terminated = terminated()?;
        let handle = Handle::new();
        let stopper = handle.clone();
        tokio::spawn(async move {
            terminated.await;
            stopper.graceful_shutdown(Some(AXUM_SERVER_LIMIT));
        });
        let listening = handle.clone();
        tokio::spawn(async move { listening.listening().await.map(announce) });
        axum_server::bind(ADDRESS).handle(handle).serve(router().into_make_service()).await
    })
}

/// As actix-web's documentation: it handles the signals itself, and requests in flight have 30 s.
#[cfg(feature = "peers")]
fn actix(workers: Option<usize>, http2: bool) -> io::Result<()> {
    System::new().block_on(async {
        let mut server = HttpServer::new(|| App::new().route("/ping", get().to(async || PONG)));
        if let Some(workers) = workers {
            server = server.workers(workers);
        }
        let server = if http2 { server.bind_auto_h2c(ADDRESS)? } else { server.bind(ADDRESS)? };
        if let [address, ..] = *server.addrs() {
            announce(address)?;
        }
        server.run().await
    })
}

/// `/ping`, and the other routes that the soak test requests.
fn router() -> Router {
    Router::new()
        .route("/ping", axum::routing::get(async || PONG))
        .route("/slow/{ms}", axum::routing::get(slow))
        .route("/upload", post(async |body: Bytes| body.len().to_string()))
        // `axum::serve` does the same for a router without state; otherwise each request would build a service for its handler.
        .with_state(())
}

async fn slow(Path(ms): Path<u64>) -> &'static str {
    tokio::time::sleep(Duration::from_millis(ms)).await;
    "done"
}

/// Builds a runtime as `#[tokio::main]` does, with the given number of workers.
fn runtime(workers: Option<usize>) -> io::Result<Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if let Some(workers) = workers {
        builder.worker_threads(workers);
    }
    builder.enable_all().build()
}

/// Returns a future that completes at SIGTERM. The handler is installed when this returns.
fn terminated() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        terminate.recv().await;
    })
}

/// Prints the address for the parent process.
fn announce(address: impl Display) -> io::Result<()> {
    let mut out = io::stdout();
    writeln!(out, "{address}")?;
    out.flush()
}
