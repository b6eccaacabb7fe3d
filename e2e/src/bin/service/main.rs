//! Every service that the tests start, in one program: the first argument names the service, the others are its own.
#![expect(clippy::print_stderr, reason = "tests wait for bare lines that say how far a service is")]
#![expect(clippy::print_stdout, reason = "a service without a log writes its lines to standard output")]

mod alone;
mod axum_replaced;
mod checked;
mod closer;
mod exporter;
mod holds;
mod inherits;
mod kinds;
mod leaves;
mod logger;
mod peer_axum;
mod plain;
mod pools;
mod publishes;
mod setup;
mod shapes;
mod sockets;
mod storm;
mod streams;
mod subscribes;
mod unstarted;
mod victim;
mod waits;
mod worker;

use std::process::{ExitCode, Termination as _};

use setup::Arguments;

/// The program of one service.
type Run = fn(Arguments) -> ExitCode;

const SERVICES: [(&str, Run); 23] = [
    ("alone", |arguments| alone::run(arguments).report()),
    ("axum_replaced", |arguments| axum_replaced::run(arguments).report()),
    ("checked", checked::run),
    ("closer", |arguments| closer::run(arguments).report()),
    ("exporter", exporter::run),
    ("holds", holds::run),
    ("inherits", inherits::run),
    ("kinds", kinds::run),
    ("leaves", leaves::run),
    ("logger", logger::run),
    ("peer_axum", |arguments| peer_axum::run(arguments).report()),
    ("plain", |arguments| plain::run(arguments).report()),
    ("pools", pools::run),
    ("publishes", publishes::run),
    ("shapes", shapes::run),
    ("sockets", sockets::run),
    ("storm", |arguments| storm::run(arguments).report()),
    ("streams", streams::run),
    ("subscribes", subscribes::run),
    ("unstarted", unstarted::run),
    ("victim", victim::run),
    ("waits", waits::run),
    ("worker", worker::run),
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
