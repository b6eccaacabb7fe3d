//! Every service that the tests start, in one program: the first argument names the service, and the others are for the service.
#![expect(clippy::print_stderr, reason = "tests wait for bare lines that say how far a service is")]
#![expect(clippy::print_stdout, reason = "a service without a log writes its lines to standard output")]

mod axum_replaced;
mod clients;
mod http_servers;
mod jobs;
mod peer_axum;
mod streaming;
mod surroundings;
mod telemetry;
mod victim;

use std::io;
use std::process::{ExitCode, Termination as _};

use tokio::signal::unix::{SignalKind, signal};

/// The arguments of a service, without the program and the service's name.
type Arguments = std::vec::IntoIter<String>;

/// The program of one service.
type Run = fn(Arguments) -> ExitCode;

const SERVICES: [(&str, Run); 23] = [
    ("alone", |arguments| http_servers::alone(arguments).report()),
    ("axum_replaced", |arguments| axum_replaced::run(arguments).report()),
    ("checked", surroundings::checked),
    ("closer", |arguments| http_servers::closer(arguments).report()),
    ("exporter", telemetry::exporter),
    ("holds", clients::holds),
    ("inherits", surroundings::inherits),
    ("kinds", streaming::kinds),
    ("leaves", surroundings::leaves),
    ("logger", telemetry::logger),
    ("peer_axum", |arguments| peer_axum::run(arguments).report()),
    ("plain", |arguments| victim::plain(arguments).report()),
    ("pools", jobs::pools),
    ("publishes", clients::publishes),
    ("shapes", http_servers::shapes),
    ("sockets", streaming::sockets),
    ("storm", |arguments| http_servers::storm(arguments).report()),
    ("streams", streaming::streams),
    ("subscribes", clients::subscribes),
    ("unstarted", victim::unstarted),
    ("victim", victim::victim),
    ("waits", surroundings::waits),
    ("worker", jobs::worker),
];

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).collect::<Vec<_>>().into_iter();
    let name = arguments.next().unwrap_or_default();
    match SERVICES.iter().find(|(known, _)| *known == name) {
        Some((_, run)) => run(arguments),
        None => usage(),
    }
}

fn usage() -> ExitCode {
    eprintln!("usage: service NAME [ARGUMENT]...\n\nservices:");
    for (name, _) in SERVICES {
        eprintln!("  {name}");
    }
    ExitCode::from(2)
}

/// Logs to standard error, as plain text.
fn log_to_stderr() {
    tracing_subscriber::fmt().with_writer(io::stderr).with_ansi(false).init();
}

/// Handles SIGTERM from now on, and returns a future that waits for the first one.
///
/// # Errors
///
/// When the handler cannot be installed.
fn sigterm() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        terminate.recv().await;
    })
}
