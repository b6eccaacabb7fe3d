//! Tests of parked connections: they are served as if they were not, and lose nothing when the server stops.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use super::registry::ConnRegistry;
use super::{ServeError, Server};
use crate::drain::StopSource;
use crate::model::Cause;

/// How long a connection is idle before it is closed at a stop.
const QUIET: Duration = Duration::from_millis(200);

const SIGTERM: Cause = Cause::Signal { number: 15 };

/// A server that parks connections after this time.
struct Parker {
    address: std::net::SocketAddr,
    registry: Arc<ConnRegistry>,
    announced: StopSource,
    stop: StopSource,
    served: JoinHandle<Result<(), ServeError>>,
}

impl Parker {
    async fn new(park_after: Duration, idle_quiet: Duration) -> Self {
        let service = tower::service_fn(async |request: Request<Incoming>| {
            let path = request.uri().path().to_owned();
            // The body of `/unread` is not read.
            let body =
                if path == "/unread" { Bytes::new() } else { request.collect().await.unwrap().to_bytes() };
            Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(
                [path.as_bytes(), b"|", &body].concat(),
            ))))
        });
        let mut server = Server::new(service);
        server.settings.park_after = park_after;
        server.settings.idle_quiet = idle_quiet;
        let (announced, stop) = (StopSource::new(), StopSource::new());
        let registry = Arc::clone(&server.registry);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        #[expect(clippy::disallowed_methods, reason = "a test joins it")]
        let served = tokio::spawn(server.serve(listener, announced.token(), stop.token()));
        Self { address, registry, announced, stop, served }
    }

    /// Waits until so many connections are parked.
    async fn parked(&self, count: usize) {
        let parked = async {
            while self.registry.parked() != count {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), parked).await.expect("parked");
    }

    fn stop(&self) {
        self.announced.stop(SIGTERM, None);
        self.stop.stop(SIGTERM, None);
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }
}

/// Reads one response and returns its body; `None` at the end of the stream.
async fn answer(client: &mut TcpStream) -> Option<(String, bool)> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
            if body.len() >= length.parse::<usize>().unwrap() {
                assert!(head.starts_with("HTTP/1.1 200 "), "{text}");
                return Some((body.to_owned(), head.contains("connection: close")));
            }
        }
        let mut byte = [0];
        match client.read(&mut byte).await {
            Ok(1) => bytes.push(byte[0]),
            _ => {
                assert!(bytes.is_empty(), "{text}");
                return None;
            }
        }
    }
}

#[tokio::test]
async fn a_parked_connection_answers_whatever_comes_next() {
    let server = Parker::new(Duration::from_millis(5), QUIET).await;
    let mut client = server.connect().await;
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
    let post = |path: &str| format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc");
    for (round, (parts, bodies)) in [
        (vec![get("/a")], vec!["/a|"]),
        (vec!["\r\n".to_owned(), get("/blank")], vec!["/blank|"]),
        (vec!["P".to_owned(), post("/body")[1..].to_owned()], vec!["/body|abc"]),
        (vec!["PRI".to_owned(), " / HTTP/1.1\r\nhost: x\r\n\r\n".to_owned()], vec!["/|"]),
        (vec![get("/1") + &get("/2")], vec!["/1|", "/2|"]),
        (vec![post("/unread") + &get("/behind")], vec!["/unread|", "/behind|"]),
        (vec![get("/x") + "\r\n", get("/y")], vec!["/x|", "/y|"]),
    ]
    .into_iter()
    .enumerate()
    {
        // The last request of the round before may have had a body: this one has none, and the connection parks after it.
        client.write_all(get("/rests").as_bytes()).await.unwrap();
        assert_eq!(answer(&mut client).await, Some(("/rests|".to_owned(), false)), "round {round}");
        server.parked(1).await;
        for part in parts {
            client.write_all(part.as_bytes()).await.unwrap();
            tokio::task::yield_now().await;
        }
        for body in bodies {
            assert_eq!(answer(&mut client).await, Some((body.to_owned(), false)), "round {round}");
        }
    }
}

#[tokio::test]
async fn a_connection_is_not_parked_after_a_body_or_with_a_part_of_a_request() {
    let server = Parker::new(Duration::from_millis(5), QUIET).await;
    let (mut posted, mut half, mut silent, mut idle) =
        (server.connect().await, server.connect().await, server.connect().await, server.connect().await);
    posted.write_all(b"POST /unread HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc").await.unwrap();
    answer(&mut posted).await.unwrap();
    half.write_all(b"GET /a HTTP/1.1\r\nhost: x\r\n\r\nGET").await.unwrap();
    answer(&mut half).await.unwrap();
    idle.write_all(b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    answer(&mut idle).await.unwrap();
    // The last to become idle: when it is parked, the others have been looked at as often.
    server.parked(1).await;
    half.write_all(b" /b HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert_eq!(answer(&mut half).await.unwrap().0, "/b|");
    posted.write_all(b"GET /c HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert_eq!(answer(&mut posted).await.unwrap().0, "/c|");
    silent.write_all(b"GET /d HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert_eq!(answer(&mut silent).await.unwrap().0, "/d|");
    server.parked(4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_whose_connections_are_parked_again_and_again_lose_nothing_at_a_stop() {
    const CLIENTS: usize = 32;
    let mut answered = 0;
    for _ in 0..20 {
        // Shorter than the clients think: connections park all the time, also while requests arrive.
        // A client that gets no processor time for longer than the quiet time is closed before its request, parked or not: here
        // each gets its announcement instead.
        let server = Parker::new(Duration::from_millis(1), Duration::from_secs(60)).await;
        let mut clients = JoinSet::new();
        for number in 0..CLIENTS {
            let mut client = server.connect().await;
            clients.spawn(async move {
                let mut answered = 0_u32;
                loop {
                    client.write_all(b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
                    let (body, is_last) = answer(&mut client).await.expect("every request is answered");
                    assert_eq!(body, "/a|");
                    answered += 1;
                    if is_last {
                        return answered;
                    }
                    tokio::time::sleep(Duration::from_millis(number as u64 % 8)).await;
                }
            });
        }
        while server.registry.parked() == 0 {
            tokio::task::yield_now().await;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        server.stop();
        while let Some(client) = clients.join_next().await {
            answered += client.unwrap();
        }
        server.served.await.unwrap().unwrap();
    }
    assert!(answered > 20 * CLIENTS as u32, "{answered}");
}

#[tokio::test]
async fn parked_connections_end_at_a_stop() {
    let server = Parker::new(Duration::from_millis(5), QUIET).await;
    let mut client = server.connect().await;
    client.write_all(b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    answer(&mut client).await.unwrap();
    server.parked(1).await;
    server.stop();
    assert_eq!(answer(&mut client).await, None);
    server.served.await.unwrap().unwrap();
}
