use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use super::options::Options;
use super::report::Report;
use crate::conclude::conclude;
use crate::measure::now;
use crate::service::{Child, ServerArgs, Side, serve};

/// For the service to have nothing left to do: what it does after an answer, and after its start.
const SETTLE: Duration = Duration::from_millis(30);

/// Measures, prints the table, and returns the exit code that the binary documents.
pub fn run(options: &Options) -> ExitCode {
    match options.server.serve {
        Some(side) => serve(side, options.server),
        None => conclude(measure(options), options.json.as_deref(), options.check),
    }
}

fn measure(options: &Options) -> io::Result<Report> {
    let mut report = Report::default();
    for round in 0..options.rounds {
        let mut sides = Side::BOTH;
        // Neither side is always the one that comes after the other.
        if round % 2 == 1 {
            sides.reverse();
        }
        for side in sides {
            report.push(side, stop(side)?);
        }
    }
    Ok(report)
}

/// Starts a service, sees that it serves, and stops it.
fn stop(side: Side) -> io::Result<Duration> {
    let mut service = Child::start(side, ServerArgs { workers: Some(1), ..ServerArgs::DEFAULT })?;
    ask(service.address())?;
    thread::sleep(SETTLE);
    let began = now();
    service.terminate()?;
    let status = service.wait()?;
    let took = began.elapsed();
    // An exit by the signal's default action would be fast and no stop at all.
    if status.success() {
        Ok(took)
    } else {
        Err(io::Error::other(format!("{} ended with {status}", side.name())))
    }
}

fn ask(address: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(b"GET /ping HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    if answer.ends_with("pong") { Ok(()) } else { Err(io::Error::other(format!("it answered {answer:?}"))) }
}
