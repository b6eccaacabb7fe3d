//! Streams without an end, and requests of a few milliseconds, served by Ebbtide or by a peer.
//!
//! - `ebbtide`: our server; `abrupt`: the same with `CloseMode::Abrupt`.
//! - `axum`: `axum::serve` with its graceful shutdown.
//! - `one-shot`: HTTP/2 whose connections are ended by one GOAWAY, as soon as SIGTERM comes.
//! - `drop`: HTTP/2 whose connections are dropped, as soon as SIGTERM comes.

use std::error::Error;
use std::process::{ExitCode, Termination as _};
use std::time::Duration;

use bytes::Bytes;
use ebbtide::Lifecycle;
use ebbtide::http::{CloseMode, Server};
use ebbtide_e2e::streams;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::setup::{Arguments, log_to_stderr, sigterm};

pub(crate) fn run(mut arguments: Arguments) -> ExitCode {
    log_to_stderr();
    let mode = arguments.next().unwrap_or_default();
    let close = match mode.as_str() {
        "ebbtide" => CloseMode::Lossless,
        "abrupt" => CloseMode::Abrupt,
        _ => return peer(&mode).report(),
    };
    Lifecycle::new("streams").worker_threads(2).run(async |app| {
        let listener = app.bind("127.0.0.1:0").await?;
        eprintln!("listening on {}", listener.local_addr());
        let server = Server::new(streams::routes()).close_mode(close);
        let server = server.sse_retry(streams::LEAST_WAIT..=streams::LONGEST_WAIT);
        app.http_server("api", listener, server);
        Ok(())
    })
}

#[tokio::main(worker_threads = 2)]
async fn peer(mode: &str) -> Result<(), Box<dyn Error>> {
    let stopped = sigterm()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    eprintln!("listening on {}", listener.local_addr()?);
    if mode == "axum" {
        return Ok(axum::serve(listener, streams::routes()).with_graceful_shutdown(stopped).await?);
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
