//! Several listeners of one server.

use std::net::SocketAddr;

use ebbtide::http::{CloseMode, IntoListeners, Listener, ServeError, Server};
use tokio::net::UnixStream;

use crate::support::{Client, PING, Served, cause, ping, serve_on, stop_source, until};

/// One of each kind, with as many connections waiting in each queue.
struct Queued {
    listeners: Vec<Listener>,
    tcp: Vec<Client>,
    unix: Vec<Client<UnixStream>>,
    _directory: tempfile::TempDir,
}

const EACH: usize = 50;

async fn queued() -> Queued {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.sock");
    let listeners = vec![
        Listener::bind("127.0.0.1:0").await.unwrap(),
        Listener::bind("[::1]:0").await.unwrap(),
        Listener::bind("[::]:0").await.unwrap(),
        Listener::bind_unix(&path).await.unwrap(),
    ];
    let port = |at: usize| listeners[at].local_addr().port().unwrap();
    let to: [SocketAddr; 4] = [
        ([127, 0, 0, 1], port(0)).into(),
        (std::net::Ipv6Addr::LOCALHOST, port(1)).into(),
        ([127, 0, 0, 1], port(2)).into(),
        (std::net::Ipv6Addr::LOCALHOST, port(2)).into(),
    ];
    let (mut tcp, mut unix) = (Vec::new(), Vec::new());
    for _ in 0..EACH {
        for addr in to {
            tcp.push(Client::connect(addr).await.unwrap());
        }
        unix.push(Client::over(UnixStream::connect(&path).await.unwrap()));
    }
    for client in &mut tcp {
        client.send(PING).await.unwrap();
    }
    for client in &mut unix {
        client.send(PING).await.unwrap();
    }
    Queued { listeners, tcp, unix, _directory: directory }
}

impl Queued {
    /// Returns how many are answered.
    async fn answered(&mut self) -> usize {
        let mut answered = 0;
        for client in &mut self.tcp {
            answered += usize::from(client.answer().await.is_some());
        }
        for client in &mut self.unix {
            answered += usize::from(client.answer().await.is_some());
        }
        answered
    }
}

fn serve(listeners: impl IntoListeners) -> Served {
    serve_on(listeners, ([0, 0, 0, 0], 0).into(), ping(), |server| server)
}

#[tokio::test]
async fn all_are_served_by_one_server_and_counted_in_one_ledger() {
    let mut queued = queued().await;
    let mut served = serve(std::mem::take(&mut queued.listeners));
    assert_eq!(queued.answered().await, 5 * EACH);
    until(|| served.work.finished() == 5 * EACH as u64).await;
    served.stop();
    served.ended().await;
    assert_eq!((served.work.finished(), served.work.in_flight(), served.work.cut()), (5 * EACH as u64, 0, 0));
}

#[tokio::test]
async fn all_are_closed_without_loss() {
    let mut queued = queued().await;
    let stop = stop_source();
    stop.stop(cause(), None); // before it accepts the first
    let listeners = std::mem::take(&mut queued.listeners);
    let serving = Server::new(ping()).serve(listeners, stop.token(), stop.token());
    let (served, answered) = tokio::join!(serving, queued.answered());
    served.unwrap();
    assert_eq!(answered, 5 * EACH);
}

/// The opposite: closed at once, all their queues are reset.
#[tokio::test]
async fn an_abrupt_close_loses_what_is_in_each_queue() {
    let mut queued = queued().await;
    let stop = stop_source();
    stop.stop(cause(), None);
    let listeners = std::mem::take(&mut queued.listeners);
    let server = Server::new(ping()).close_mode(CloseMode::Abrupt);
    server.serve(listeners, stop.token(), stop.token()).await.unwrap();
    assert_eq!(queued.answered().await, 0);
}

#[tokio::test]
async fn a_server_without_a_listener_says_so() {
    let stop = stop_source();
    let served = Server::new(ping()).serve(Vec::new(), stop.token(), stop.token()).await;
    assert!(matches!(served, Err(ServeError::NoListener)));
}
