//! A gRPC service: on our server, or, with `tonic`, on tonic's own.
#![expect(clippy::print_stderr, reason = "a bare line tells where it listens")]

use std::process::ExitCode;

use ebbtide::Lifecycle;
use ebbtide_e2e::kinds::{Answers, KindsServer};
use tokio::signal::unix::{SignalKind, signal};
use tonic::service::Routes;
use tonic::transport::server::TcpIncoming;

fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
    if std::env::args().nth(1).as_deref() == Some("tonic") {
        return match tonic() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{error}");
                ExitCode::FAILURE
            }
        };
    }
    Lifecycle::new("kinds").worker_threads(2).run(async |life| {
        let listener = life.bind("127.0.0.1:0").await?;
        eprintln!("listening on {}", listener.local_addr());
        life.grpc("api", listener, Routes::new(KindsServer::new(Answers)));
        Ok(())
    })
}

#[tokio::main(worker_threads = 2)]
async fn tonic() -> Result<(), Box<dyn std::error::Error>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    eprintln!("listening on {}", listener.local_addr()?);
    let stopped = async move {
        terminate.recv().await;
    };
    tonic::transport::Server::builder()
        .add_service(KindsServer::new(Answers))
        .serve_with_incoming_shutdown(TcpIncoming::from(listener), stopped)
        .await?;
    Ok(())
}
