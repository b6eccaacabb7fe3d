//! A client that does exactly what it is told: one connection, one request, no retry.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }
}

/// Opens a connection and writes a request on it.
pub(crate) fn send(
    address: SocketAddr,
    method: &str,
    path: &str,
    body: Option<&str>,
) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let body = body.unwrap_or_default();
    let length = body.len();
    let head = format!("{method} {path} HTTP/1.1\r\nHost: demo\r\nConnection: close\r\n");
    let kind = format!("Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n");
    stream.write_all(format!("{head}{kind}{body}").as_bytes())?;
    Ok(stream)
}

/// Reads the answer to the end. An answer that is not whole is an error.
pub(crate) fn receive(mut stream: TcpStream) -> io::Result<Answer> {
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let incomplete = || io::Error::new(io::ErrorKind::UnexpectedEof, format!("not whole: {text:?}"));
    let (head, body) = text.split_once("\r\n\r\n").ok_or_else(incomplete)?;
    let status = head.get(9..12).and_then(|status| status.parse().ok()).ok_or_else(incomplete)?;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    if length.is_some_and(|length: usize| length != body.len()) {
        return Err(incomplete());
    }
    Ok(Answer { status, body: body.to_owned() })
}

pub(crate) fn get(address: SocketAddr, path: &str) -> io::Result<Answer> {
    receive(send(address, "GET", path, None)?)
}

pub(crate) fn post(address: SocketAddr, body: &str) -> io::Result<Answer> {
    receive(send(address, "POST", "/orders", Some(body))?)
}

/// Orders one, and returns its id.
pub(crate) fn order(address: SocketAddr) -> String {
    let answer = post(address, r#"{"item": "tea", "quantity": 2}"#).expect("answered");
    assert_eq!((answer.status, &answer.json()["state"]), (201, &Value::from("queued")), "{}", answer.body);
    answer.json()["id"].as_str().expect("an id").to_owned()
}
