//! How one or several listeners of a server are closed; the limit of connections, and the connections that wait in the kernel's
//! queue because of it.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use ebbtide::http::{CloseMode, IntoListeners, Listener, ServeError, Server};
use tokio::net::UnixStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::support::{
    Client, LONG, PING, PING_CLOSE, SLOW, Served, accepted, cause, now, ping, serve, serve_on, slow,
    stop_source, until,
};

/// Connections that the kernel accepted before the server ran are served, however late that is.
#[tokio::test]
async fn connections_in_the_accept_queue_are_served_when_the_server_closes() {
    for mode in [CloseMode::Lossless, CloseMode::SynFilter, CloseMode::HopLimit, CloseMode::Backlog] {
        let listener = Listener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().tcp().unwrap();
        let mut clients = Vec::new();
        for _ in 0..300 {
            let mut client = Client::connect(addr).await.expect("the backlog has room");
            client.send(PING).await.unwrap();
            clients.push(client);
        }
        let stop = stop_source();
        stop.stop(cause(), None); // before it accepts the first
        let serving = Server::new(ping()).close_mode(mode).serve(listener, stop.token(), stop.token());
        let answers = async {
            for client in &mut clients {
                assert!(client.response().await.expect("an answer").closes, "{mode:?}");
            }
            drop(std::mem::take(&mut clients));
        };
        let (served, ()) = tokio::join!(serving, answers);
        served.unwrap();
    }
}

/// The opposite: an immediate close resets the connections in the queue.
#[tokio::test]
async fn an_abrupt_close_loses_connections_in_the_accept_queue() {
    let listener = Listener::bind("127.0.0.1:0").await.unwrap();
    let mut client = Client::connect(listener.local_addr().tcp().unwrap()).await.unwrap();
    client.send(PING).await.unwrap();
    let stop = stop_source();
    stop.stop(cause(), None);
    let server = Server::new(ping()).close_mode(CloseMode::Abrupt);
    server.serve(listener, stop.token(), stop.token()).await.unwrap();
    assert!(client.response().await.is_err());
}

/// Accepted sockets inherit the hop limit: one that kept it would receive nothing from its client.
#[tokio::test]
async fn connections_accepted_under_the_hop_limit_receive_data() {
    let listener = Listener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().tcp().unwrap();
    let mut silent = Client::connect(addr).await.unwrap();
    let stop = stop_source();
    stop.stop(cause(), None);
    let server =
        Server::new(ping()).close_mode(CloseMode::HopLimit).first_byte_grace(Duration::from_secs(10));
    let serving = server.serve(listener, stop.token(), stop.token());
    let talk = async {
        while Client::connect(addr).await.is_ok() {} // until the listener is closed
        silent.send(PING).await.unwrap();
        assert!(silent.response().await.expect("an answer").is_ok());
        drop(silent);
    };
    let (served, ()) = tokio::join!(serving, talk);
    served.unwrap();
}

#[tokio::test]
async fn new_connections_are_refused_once_the_server_has_ended() {
    let mut served = serve(ping(), |server| server).await;
    accepted(served.addr).await;
    served.stop();
    served.ended().await;
    let error = Client::connect(served.addr).await.expect_err("no connection");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
}

/// A socket that systemd or another process also holds must still receive connections for its next owner.
#[tokio::test]
async fn a_shared_listener_still_accepts_after_the_server() {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = socket.local_addr().unwrap();
    let next = Listener::shared_from_std(socket.try_clone().unwrap()).unwrap();
    let first = stop_source();
    first.stop(cause(), None);
    let listener = Listener::shared_from_std(socket).unwrap();
    Server::new(ping()).serve(listener, first.token(), first.token()).await.unwrap();
    let mut client = Client::connect(addr).await.expect("a connection");
    client.send(PING).await.unwrap();
    let second = stop_source();
    let serving = Server::new(ping()).serve(next, second.token(), second.token());
    let talk = async {
        assert!(client.response().await.expect("an answer").is_ok());
        drop(client);
        second.stop(cause(), None);
    };
    let (served, ()) = tokio::join!(serving, talk);
    served.unwrap();
}

#[tokio::test]
async fn binding_a_port_that_is_taken_fails() {
    let first = Listener::bind("127.0.0.1:0").await.unwrap();
    let error = Listener::bind(first.local_addr().tcp().unwrap()).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
}

#[tokio::test]
async fn an_unspecified_ipv6_address_takes_ipv4_as_well() {
    let listener = Listener::bind("[::]:0").await.unwrap();
    let port = listener.local_addr().port().unwrap();
    assert!(Client::connect(([127, 0, 0, 1], port).into()).await.is_ok());
}

/// Runs in a separate process, which has few descriptors.
#[test]
fn running_out_of_descriptors_neither_ends_the_server_nor_makes_it_spin() {
    const CHILD: &str = "EBBTIDE_TEST_FEW_DESCRIPTORS";
    let name = "listeners::running_out_of_descriptors_neither_ends_the_server_nor_makes_it_spin";
    if std::env::var_os(CHILD).is_none() {
        let test = std::env::current_exe().unwrap();
        let mut child = std::process::Command::new(test);
        assert!(child.args(["--exact", name, "--nocapture"]).env(CHILD, "1").status().unwrap().success());
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut served = serve(ping(), |server| server.first_byte_grace(LONG)).await;
        accepted(served.addr).await;
        let limit = rustix::process::Rlimit { current: Some(40), maximum: Some(40) };
        rustix::process::setrlimit(rustix::process::Resource::Nofile, limit).unwrap();
        let mut clients = Vec::new();
        while let Ok(client) = Client::connect(served.addr).await {
            clients.push(client);
        }
        let spent = || rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        let (began, before) = (now(), spent());
        tokio::time::sleep(Duration::from_millis(300)).await; // the time over which it is measured
        let (spent, passed) = (Duration::try_from(spent() - before).unwrap(), began.elapsed());
        assert!(spent < passed / 3, "busy loop: {spent:?} of CPU in {passed:?}");
        // Queued connections are served as soon as descriptors are free again, also when the shutdown begins first.
        served.stop();
        let queued = clients.split_off(clients.len() / 2);
        drop(clients);
        for mut client in queued {
            client.send(PING).await.unwrap();
            assert!(client.response().await.expect("an answer").closes);
        }
        served.ended().await;
    });
}

/// A listener of each kind, with as many connections in each queue.
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
        unix.push(Client::new(UnixStream::connect(&path).await.unwrap()));
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
    /// Returns how many got a response.
    async fn answered(&mut self) -> usize {
        let mut answered = 0;
        for client in &mut self.tcp {
            answered += usize::from(client.response().await.is_ok());
        }
        for client in &mut self.unix {
            answered += usize::from(client.response().await.is_ok());
        }
        answered
    }
}

fn serve_all(listeners: impl IntoListeners) -> Served {
    serve_on(listeners, ([0, 0, 0, 0], 0).into(), ping(), |server| server)
}

#[tokio::test]
async fn listeners_of_all_kinds_are_served_and_counted_by_one_server() {
    let mut queued = queued().await;
    let mut served = serve_all(std::mem::take(&mut queued.listeners));
    assert_eq!(queued.answered().await, 5 * EACH);
    until(|| served.work.finished() == 5 * EACH as u64).await;
    served.stop();
    served.ended().await;
    assert_eq!(
        (served.work.finished(), served.work.in_flight(), served.work.cancelled()),
        (5 * EACH as u64, 0, 0)
    );
}

#[tokio::test]
async fn listeners_of_all_kinds_are_closed_without_loss() {
    let mut queued = queued().await;
    let stop = stop_source();
    stop.stop(cause(), None); // before it accepts the first
    let listeners = std::mem::take(&mut queued.listeners);
    let serving = Server::new(ping()).serve(listeners, stop.token(), stop.token());
    let (served, answered) = tokio::join!(serving, queued.answered());
    served.unwrap();
    assert_eq!(answered, 5 * EACH);
}

/// The opposite: an immediate close resets all their queues.
#[tokio::test]
async fn an_abrupt_close_loses_the_connections_in_each_listeners_queue() {
    let mut queued = queued().await;
    let stop = stop_source();
    stop.stop(cause(), None);
    let listeners = std::mem::take(&mut queued.listeners);
    let server = Server::new(ping()).close_mode(CloseMode::Abrupt);
    server.serve(listeners, stop.token(), stop.token()).await.unwrap();
    assert_eq!(queued.answered().await, 0);
}

#[tokio::test]
async fn a_server_without_a_listener_is_an_error() {
    let stop = stop_source();
    let served = Server::new(ping()).serve(Vec::new(), stop.token(), stop.token()).await;
    assert!(matches!(served, Err(ServeError::NoListener)));
}

const CLIENTS: usize = 8;

/// The number of requests in a handler, and its maximum.
#[derive(Default)]
struct Handlers {
    entered: AtomicUsize,
    running: AtomicUsize,
    most: AtomicUsize,
}

fn at_most(limit: usize) -> impl FnOnce(Server<Router>) -> Server<Router> {
    move |server| server.max_connections(NonZeroUsize::new(limit).unwrap()).header_timeout(LONG)
}

/// A `/ping` route where each request waits for a permit.
fn gated(gate: &Arc<Semaphore>, handlers: &Arc<Handlers>) -> Router {
    let (gate, handlers) = (Arc::clone(gate), Arc::clone(handlers));
    let handler = async move || {
        handlers.entered.fetch_add(1, Ordering::SeqCst);
        let running = handlers.running.fetch_add(1, Ordering::SeqCst) + 1;
        handlers.most.fetch_max(running, Ordering::SeqCst);
        gate.acquire().await.unwrap().forget();
        handlers.running.fetch_sub(1, Ordering::SeqCst);
        "pong"
    };
    Router::new().route("/ping", get(handler))
}

fn clients(served: &Served) -> JoinSet<bool> {
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let addr = served.addr;
        clients.spawn(async move {
            let mut client = Client::connect(addr).await.unwrap();
            client.send(PING_CLOSE).await.unwrap();
            client.response().await.is_ok()
        });
    }
    clients
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_in_the_queue_and_are_served_in_turn() {
    let (gate, handlers) = (Arc::new(Semaphore::new(0)), Arc::new(Handlers::default()));
    let served = serve(gated(&gate, &handlers), at_most(2)).await;
    let clients = clients(&served);
    for entered in 2..=CLIENTS {
        until(|| handlers.entered.load(Ordering::SeqCst) == entered).await;
        gate.add_permits(1);
    }
    gate.add_permits(2);
    assert!(clients.join_all().await.into_iter().all(|answered| answered));
    assert_eq!(handlers.most.load(Ordering::SeqCst), 2);
}

/// The opposite: without a limit no connection waits.
#[tokio::test]
async fn without_a_connection_limit_all_connections_are_served_at_once() {
    let (gate, handlers) = (Arc::new(Semaphore::new(0)), Arc::new(Handlers::default()));
    let served = serve(gated(&gate, &handlers), |server| server).await;
    let clients = clients(&served);
    until(|| handlers.running.load(Ordering::SeqCst) == CLIENTS).await;
    gate.add_permits(CLIENTS);
    assert!(clients.join_all().await.into_iter().all(|answered| answered));
}

#[tokio::test]
async fn connections_that_wait_for_the_limit_are_served_when_the_server_drains() {
    let release = stop_source();
    let mut served = serve(slow(release.token()), at_most(1)).await;
    let mut busy = Client::connect(served.addr).await.unwrap();
    busy.send(SLOW).await.unwrap();
    until(|| served.work.in_flight() == 1).await;
    let mut waiting = Vec::new();
    for _ in 0..3 {
        let mut client = Client::connect(served.addr).await.unwrap();
        client.send(PING).await.unwrap();
        waiting.push(client);
    }
    served.stop();
    for client in &mut waiting {
        assert!(client.response().await.is_ok(), "it was queued when the shutdown began");
    }
    assert_eq!(served.work.in_flight(), 1, "the first request is still in flight");
    release.cancel();
    assert!(busy.response().await.is_ok());
    served.ended().await;
    assert_eq!(served.work.counts().finished, 4);
}
