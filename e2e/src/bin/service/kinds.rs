//! A gRPC service: on our server, or, with `tonic`, on tonic's own.

use std::process::{ExitCode, Termination as _};

use ebbtide::Lifecycle;
use ebbtide_e2e::kinds::{Answers, KindsServer};
use ebbtide_tonic::TonicExt as _;
use tonic::service::Routes;
use tonic::transport::server::TcpIncoming;

use crate::setup::{Arguments, log_to_stderr, sigterm};

pub(crate) fn run(mut arguments: Arguments) -> ExitCode {
    log_to_stderr();
    if arguments.next().as_deref() == Some("tonic") {
        return tonic().report();
    }
    Lifecycle::new("kinds").worker_threads(2).run(async |app| {
        let listener = app.bind("127.0.0.1:0").await?;
        eprintln!("listening on {}", listener.local_addr());
        app.grpc("api", listener, Routes::new(KindsServer::new(Answers)));
        Ok(())
    })
}

#[tokio::main(worker_threads = 2)]
async fn tonic() -> Result<(), Box<dyn std::error::Error>> {
    let stopped = sigterm()?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    eprintln!("listening on {}", listener.local_addr()?);
    tonic::transport::Server::builder()
        .add_service(KindsServer::new(Answers))
        .serve_with_incoming_shutdown(TcpIncoming::from(listener), stopped)
        .await?;
    Ok(())
}
