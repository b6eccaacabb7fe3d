//! Clients that send one request on one connection and never retry.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use ebbtide_http1::Response;
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

/// Reads the response. An incomplete one is an error.
pub(crate) fn receive(mut stream: TcpStream) -> io::Result<Answer> {
    let response = Response::read(&mut stream)?;
    Ok(Answer { status: response.status, body: response.text().into_owned() })
}

pub(crate) fn get(address: SocketAddr, path: &str) -> io::Result<Answer> {
    receive(send(address, "GET", path, None)?)
}

pub(crate) fn post(address: SocketAddr, body: &str) -> io::Result<Answer> {
    receive(send(address, "POST", "/orders", Some(body))?)
}

/// Creates an order, and returns its id.
pub(crate) fn order(address: SocketAddr) -> String {
    let answer = post(address, r#"{"item": "tea", "quantity": 2}"#).expect("answered");
    assert_eq!((answer.status, &answer.json()["state"]), (201, &Value::from("queued")), "{}", answer.body);
    answer.json()["id"].as_str().expect("an id").to_owned()
}

/// Clients that create orders as fast as they can, until a request is refused.
pub(crate) struct Load {
    clients: Vec<JoinHandle<Vec<String>>>,
    progress: Arc<(Mutex<usize>, Condvar)>,
}

static CLIENT: AtomicUsize = AtomicUsize::new(0);

impl Load {
    pub(crate) fn start(address: SocketAddr, clients: usize) -> Self {
        let progress = Arc::new((Mutex::new(0), Condvar::new()));
        let client = |_| {
            let progress = Arc::clone(&progress);
            let name = format!("client {}", CLIENT.fetch_add(1, Ordering::Relaxed));
            let run = move || order_until_refused(address, &progress);
            std::thread::Builder::new().name(name).spawn(run).expect("a thread")
        };
        let clients = (0..clients).map(client).collect();
        Self { clients, progress }
    }

    /// Waits until this many orders were answered.
    pub(crate) fn wait_for(&self, orders: usize) {
        let (count, changed) = &*self.progress;
        let count = count.lock().expect("no client panicked");
        drop(changed.wait_while(count, |count| *count < orders).expect("no client panicked"));
    }

    /// Waits for the last client and returns the ids of all orders that were answered with 201.
    pub(crate) fn answered(self) -> Vec<String> {
        self.clients.into_iter().flat_map(|client| client.join().expect("no client panicked")).collect()
    }
}

fn order_until_refused(address: SocketAddr, progress: &(Mutex<usize>, Condvar)) -> Vec<String> {
    let mut answered = Vec::new();
    while let Ok(answer) = post(address, r#"{"item": "tea"}"#) {
        assert_eq!(answer.status, 201, "{}", answer.body);
        answered.push(answer.json()["id"].as_str().expect("an id").to_owned());
        *progress.0.lock().expect("no client panicked") += 1;
        progress.1.notify_all();
    }
    answered
}
