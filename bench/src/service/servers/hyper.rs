use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;

use super::routes::PONG;
use super::runtime::{runtime, terminated};
use crate::service::serve::{ADDRESS, announce};

/// The limit of its example.
const LIMIT: Duration = Duration::from_secs(10);

/// As in hyper-util's example `server_graceful`; one handler and no router, as hyper is used without one.
#[expect(clippy::disallowed_methods, reason = "as its example does")]
pub(in crate::service) fn serve(workers: Option<usize>) -> io::Result<()> {
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
            () = tokio::time::sleep(LIMIT) => {}
        }
        Ok(())
    })
}

async fn pong(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::new(Bytes::from_static(PONG.as_bytes()))))
}
