use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

use serde_json::Value;

use super::kind::{ServerKind, greet};
use super::process::{Account, Ending, Process};
use crate::failure::Failure;
use crate::test::tools;

pub(super) const KIND: ServerKind = ServerKind {
    name: "NATS",
    variable: "EBBTIDE_TEST_NATS",
    local_port: 4222,
    url: |port| format!("nats://127.0.0.1:{port}"),
    answers,
    launch,
};

/// Starts a NATS server with JetStream that keeps its streams in the folder.
///
/// # Errors
///
/// When NATS cannot be installed or started.
fn launch(folder: &Path, port: u16) -> Result<Vec<Process>, Failure> {
    let program = tools::find_or_install("nats-server", "nats-server")?;
    let account = Account::of("nats");
    account.give(folder)?;
    let mut nats = Process::command(&program, &account, Ending::Terminate);
    nats.args(["--addr", "127.0.0.1", "--port", &port.to_string(), "--jetstream", "--store_dir"]);
    nats.arg(folder.join("streams"));
    Ok(vec![Process::start(&mut nats, folder, Ending::Terminate)?])
}

/// Returns whether a NATS server accepts a connection and has JetStream.
fn answers(port: u16) -> bool {
    ask(port).is_ok_and(|answer| answer == "PONG")
}

fn ask(port: u16) -> io::Result<String> {
    let mut stream = BufReader::new(greet(port)?);
    let greeting = line(&mut stream)?;
    let about: Value = greeting
        .strip_prefix("INFO ")
        .and_then(|about| serde_json::from_str(about).ok())
        .ok_or_else(|| io::Error::other("unexpected protocol"))?;
    if about.get("jetstream") != Some(&Value::Bool(true)) {
        return Err(io::Error::other("JetStream is not enabled"));
    }
    stream.get_mut().write_all(b"CONNECT {\"verbose\":false}\r\nPING\r\n")?;
    line(&mut stream)
}

fn line(stream: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}
