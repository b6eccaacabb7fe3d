//! Servers of streams: event streams, WebSockets, gRPC.

use std::error::Error;
use std::process::{ExitCode, Termination as _};
use std::time::Duration;

use bytes::Bytes;
use ebbtide::http::{CloseMode, Server};
use ebbtide::{BoxError, Handle, Lifecycle};
use ebbtide_tests::kinds_protoset;
use ebbtide_tests::streaming::{self, Answers, Echoes, KindsServer};
use ebbtide_tonic::TonicExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tonic::service::Routes;
use tonic::transport::server::TcpIncoming;

use crate::{Arguments, log_to_stderr, sigterm};

/// Streams without an end, and requests of a few milliseconds, served by Ebbtide or by a peer.
///
/// - `ebbtide`: Ebbtide's server; `abrupt`: the same with `CloseMode::Abrupt`.
/// - `axum`: `axum::serve` with its graceful shutdown.
/// - `one-shot`: HTTP/2 whose connections are ended by one GOAWAY, as soon as SIGTERM comes.
/// - `drop`: HTTP/2 whose connections are dropped, as soon as SIGTERM comes.
pub(crate) fn streams(mut arguments: Arguments) -> ExitCode {
    log_to_stderr();
    let mode = arguments.next().unwrap_or_default();
    let close = match mode.as_str() {
        "ebbtide" => CloseMode::Lossless,
        "abrupt" => CloseMode::Abrupt,
        _ => return streams_of_a_peer(&mode).report(),
    };
    Lifecycle::new("streams").worker_threads(2).run(async |app| {
        let listener = app.bind("127.0.0.1:0").await?;
        eprintln!("listening on {}", listener.local_addr());
        let server = Server::new(streaming::routes()).close_mode(close);
        let server = server.sse_retry(streaming::LEAST_WAIT..=streaming::LONGEST_WAIT);
        app.http_server("api", listener, server);
        Ok(())
    })
}

#[tokio::main(worker_threads = 2)]
async fn streams_of_a_peer(mode: &str) -> Result<(), Box<dyn Error>> {
    let stopped = sigterm()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    eprintln!("listening on {}", listener.local_addr()?);
    if mode == "axum" {
        return Ok(axum::serve(listener, streaming::routes()).with_graceful_shutdown(stopped).await?);
    }
    let one_shot = mode == "one-shot";
    let (stop, stopping) = watch::channel(false);
    tokio::pin!(stopped);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => drop(connections.spawn(connection(accepted?.0, one_shot, stopping.clone()))),
            () = &mut stopped => break,
        }
    }
    let _ = stop.send(true);
    while connections.join_next().await.is_some() {}
    Ok(())
}

/// Answers each request of an HTTP/2 connection after a few milliseconds.
async fn connection(stream: TcpStream, one_shot: bool, mut stopped: watch::Receiver<bool>) {
    let _ = stream.set_nodelay(true);
    let Ok(mut connection) = h2::server::handshake(stream).await else { return };
    let mut streams = JoinSet::new();
    loop {
        tokio::select! {
            request = connection.accept() => match request {
                Some(Ok((_, mut respond))) => drop(streams.spawn(async move {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                    if let Ok(mut body) = respond.send_response(http::Response::new(()), false) {
                        let _ = body.send_data(Bytes::from_static(b"done"), true);
                    }
                })),
                _ => return,
            },
            _ = stopped.changed() => break,
        }
    }
    if one_shot {
        connection.abrupt_shutdown(h2::Reason::NO_ERROR);
        let _ = std::future::poll_fn(|cx| connection.poll_closed(cx)).await;
    }
}

/// A WebSocket echo: `told` with the helper, `bare` without it, or on `axum`'s server.
pub(crate) fn sockets(mut arguments: Arguments) -> ExitCode {
    log_to_stderr();
    let mode = arguments.next().unwrap_or_default();
    match mode.as_str() {
        "axum" => sockets_of_axum().report(),
        _ => Lifecycle::new("sockets").worker_threads(2).run(async |app| echo(app, mode == "told").await),
    }
}

async fn echo(app: Handle, told: bool) -> Result<(), BoxError> {
    let echoes = Echoes::default();
    let listener = app.bind("127.0.0.1:0").await?;
    eprintln!("listening on {}", listener.local_addr());
    app.http("api", listener, streaming::sockets(echoes.clone(), told.then(|| app.drain_token())));
    app.on_flush("count", move || eprintln!("read {} messages", echoes.read()));
    Ok(())
}

#[tokio::main(worker_threads = 2)]
async fn sockets_of_axum() -> std::io::Result<()> {
    let echoes = Echoes::default();
    let stopped = sigterm()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    eprintln!("listening on {}", listener.local_addr()?);
    axum::serve(listener, streaming::sockets(echoes.clone(), None)).with_graceful_shutdown(stopped).await?;
    eprintln!("read {} messages", echoes.read());
    Ok(())
}

/// A gRPC service of all four kinds of calls, at the address of the second argument (default: a free port), that describes itself, and
/// health, by the version of server reflection in the third one: `v1`, `v1alpha` or none (default).
///
/// - `ebbtide` (default): on Ebbtide's server.
/// - `tonic`: on tonic's, with its graceful shutdown.
/// - `exits`: the same, in a process that exits as soon as SIGTERM comes.
pub(crate) fn kinds(mut arguments: Arguments) -> ExitCode {
    log_to_stderr();
    let mode = arguments.next().unwrap_or_default();
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let routes = match described_kinds(&arguments.next().unwrap_or_default()) {
        Ok(routes) => routes,
        Err(error) => return Err::<(), _>(error).report(),
    };
    if ["tonic", "exits"].contains(&mode.as_str()) {
        return kinds_of_tonic(&address, routes, mode == "exits").report();
    }
    Lifecycle::new("kinds").worker_threads(2).run(async move |app| {
        let listener = app.bind(address.as_str()).await?;
        eprintln!("listening on {}", listener.local_addr());
        app.grpc("api", listener, routes);
        Ok(())
    })
}

fn described_kinds(version: &str) -> Result<Routes, tonic_reflection::server::Error> {
    let routes = Routes::new(KindsServer::new(Answers));
    let descriptors = kinds_protoset();
    let reflection = tonic_reflection::server::Builder::configure();
    let reflection = reflection
        .register_encoded_file_descriptor_set(&descriptors)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET);
    Ok(match version {
        "v1" => routes.add_service(reflection.build_v1()?),
        "v1alpha" => routes.add_service(reflection.build_v1alpha()?),
        _ => routes,
    })
}

#[tokio::main(worker_threads = 2)]
async fn kinds_of_tonic(address: &str, routes: Routes, exits: bool) -> Result<(), Box<dyn Error>> {
    let stopped = sigterm()?;
    let listener = TcpListener::bind(address).await?;
    eprintln!("listening on {}", listener.local_addr()?);
    let server = tonic::transport::Server::builder().add_routes(routes);
    let incoming = TcpIncoming::from(listener);
    if !exits {
        server.serve_with_incoming_shutdown(incoming, stopped).await?;
        return Ok(());
    }
    tokio::select! {
        served = server.serve_with_incoming(incoming) => Ok(served?),
        () = stopped => Ok(()),
    }
}
