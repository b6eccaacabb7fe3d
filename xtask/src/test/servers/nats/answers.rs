use std::io::{self, BufRead, BufReader, Write};

use serde_json::Value;

use crate::test::servers::greeting::greet;

/// Returns whether a NATS server lets us in and has JetStream.
pub(super) fn answers(port: u16) -> bool {
    ask(port).is_ok_and(|answer| answer == "PONG")
}

fn ask(port: u16) -> io::Result<String> {
    let mut stream = BufReader::new(greet(port)?);
    let greeting = line(&mut stream)?;
    let about: Value = greeting
        .strip_prefix("INFO ")
        .and_then(|about| serde_json::from_str(about).ok())
        .ok_or_else(|| io::Error::other("another protocol"))?;
    if about.get("jetstream") != Some(&Value::Bool(true)) {
        return Err(io::Error::other("without JetStream"));
    }
    stream.get_mut().write_all(b"CONNECT {\"verbose\":false}\r\nPING\r\n")?;
    line(&mut stream)
}

fn line(stream: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}
