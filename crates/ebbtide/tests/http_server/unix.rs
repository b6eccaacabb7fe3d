//! Unix sockets: how they close, and the next server on the same path.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::Extension;
use ebbtide::http::{CloseMode, Listener, Peer, Server};
use tokio::net::UnixStream;
use tokio::task::JoinSet;

use crate::support::{
    Client, LONG, PING, PING_CLOSE, PausedClock, SLOW, Served, cause, ping, serve_on, settle, slow,
    stop_source, until,
};

const CLIENTS: u64 = 64;
const CLOSES: u64 = 20;

#[derive(Debug, Default)]
struct Count {
    answered: AtomicU64,
    lost: AtomicU64,
    refused: AtomicU64,
    enough: AtomicBool,
}

/// Sends each request on a new connection. When the connection is refused, the client ends; with `again` it retries until it is
/// stopped, because another server will listen on the path.
async fn client(path: PathBuf, count: Arc<Count>, again: bool) {
    while !count.enough.load(Ordering::SeqCst) {
        let mut client = match connect(&path).await {
            Ok(client) => client,
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::NotFound) => {
                count.refused.fetch_add(1, Ordering::SeqCst);
                if !again {
                    return;
                }
                tokio::task::yield_now().await;
                continue;
            }
            Err(error) => {
                // The connection was already queued: it counts as lost, not as refused.
                assert_eq!(error.kind(), ErrorKind::ConnectionReset);
                count.lost.fetch_add(1, Ordering::SeqCst);
                continue;
            }
        };
        // From here on the connection is established: any result other than a response is a loss.
        let sent = client.send(PING_CLOSE).await;
        let answer = client.last_response().await;
        let whole = sent.is_ok() && answer.as_ref().is_ok_and(|answer| answer.body == b"pong");
        if !whole {
            println!("lost: {sent:?}, then {answer:?}");
        }
        let counter = if whole { &count.answered } else { &count.lost };
        counter.fetch_add(1, Ordering::SeqCst);
    }
}

/// Returns how many requests were lost.
async fn storms(path: &Path, mode: CloseMode) -> u64 {
    let (mut answered, mut lost) = (0, 0);
    for round in 0..CLOSES {
        // On a busy machine a client may be slow to send its request.
        let settings = |server: Server<_>| server.close_mode(mode).first_byte_grace(LONG);
        let mut served = serve(path, ping(), settings).await;
        let count = Arc::new(Count::default());
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            clients.spawn(client(path.into(), Arc::clone(&count), false));
        }
        until(|| count.answered.load(Ordering::SeqCst) >= CLIENTS).await;
        // The time differs in each round.
        tokio::time::sleep(Duration::from_micros(713 * round)).await;
        served.stop();
        served.ended().await;
        clients.join_all().await;
        assert_eq!(served.work.cancelled(), 0);
        answered += count.answered.load(Ordering::SeqCst);
        lost += count.lost.load(Ordering::SeqCst);
    }
    assert!(answered >= CLOSES * CLIENTS, "enough requests were answered: {answered}");
    println!("{} {mode:?}: {answered} answered, {lost} lost in {CLOSES} closes", path.display());
    lost
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_of_new_connections_to_a_path_loses_nothing() {
    assert_eq!(storms(&Place::new().path(), CloseMode::Lossless).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_of_new_connections_to_an_abstract_name_loses_nothing() {
    let name = format!("@ebbtide-storm-{}", std::process::id());
    assert_eq!(storms(Path::new(&name), CloseMode::Lossless).await, 0);
}

/// The opposite: an immediate close resets the connections in the queue.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_abrupt_close_of_a_path_loses_requests_in_the_same_storm() {
    assert!(storms(&Place::new().path(), CloseMode::Abrupt).await > 0);
}

/// Each server binds the path as soon as the previous one releases it, while that one still drains.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn successors_on_one_unix_path_lose_no_request() {
    let place = Place::new();
    let count = Arc::new(Count::default());
    let mut clients = JoinSet::new();
    let patient = |server: Server<_>| server.first_byte_grace(LONG);
    let mut last = serve(&place.path(), ping(), patient).await;
    for _ in 0..CLIENTS {
        clients.spawn(client(place.path(), Arc::clone(&count), true));
    }
    for round in 1..=CLOSES {
        until(|| count.answered.load(Ordering::SeqCst) >= round * CLIENTS).await;
        last.stop();
        until(|| !place.path().exists()).await;
        let next = serve(&place.path(), ping(), patient).await;
        last.ended().await;
        assert!(place.path().exists(), "the previous server does not remove its successor's file");
        last = next;
    }
    count.enough.store(true, Ordering::SeqCst);
    clients.join_all().await;
    last.stop();
    last.ended().await;
    println!("{count:?}");
    assert_eq!(count.lost.load(Ordering::SeqCst), 0);
}

/// Connections that were queued before the server ran are served, however late that is.
#[tokio::test]
async fn connections_in_a_paths_queue_are_served_at_the_close() {
    let place = Place::new();
    let listener = Listener::bind_unix(place.path()).await.unwrap();
    let mut clients = Vec::new();
    for _ in 0..300 {
        let mut client = connect(&place.path()).await.expect("the backlog has room");
        client.send(PING).await.unwrap();
        clients.push(client);
    }
    let stop = stop_source();
    stop.stop(cause(), None); // before it accepts the first
    let serving = Server::new(ping()).serve(listener, stop.token(), stop.token());
    let answers = async {
        for client in &mut clients {
            assert!(client.response().await.expect("an answer").closes);
        }
        drop(std::mem::take(&mut clients));
    };
    let (served, ()) = tokio::join!(serving, answers);
    served.unwrap();
    assert!(!place.path().exists());
}

/// Sends requests until the server announces the close, or a request is lost. Returns the number of lost requests.
async fn keeps_alive(path: PathBuf, think: Duration, warm: Arc<AtomicU64>) -> u64 {
    let mut client = connect(&path).await.unwrap();
    let mut answered = 0;
    loop {
        tokio::time::sleep(think).await;
        // A client whose connection is closed before it has sent a request has lost nothing.
        let closed = client.stream.try_read(&mut [0]);
        if !matches!(closed, Err(error) if error.kind() == ErrorKind::WouldBlock) {
            return 0;
        }
        let sent = client.send(PING).await;
        match client.response().await {
            Ok(answer) if sent.is_ok() && answer.is_ok() => {
                answered += 1;
                warm.fetch_add(u64::from(answered == 2), Ordering::SeqCst);
                if answer.closes {
                    return 0;
                }
            }
            _ => return 1,
        }
    }
}

async fn keep_alive_closes(mode: CloseMode) -> u64 {
    let mut lost = 0;
    for round in 0..5 {
        let place = Place::new();
        // On a busy machine clients pause for longer than intended.
        let settings = |server: Server<_>| server.close_mode(mode).idle_quiet(LONG);
        let mut served = serve(&place.path(), ping(), settings).await;
        let (mut clients, warm) = (JoinSet::new(), Arc::new(AtomicU64::new(0)));
        for each in 0..200 {
            let think = Duration::from_micros(each * 100);
            clients.spawn(keeps_alive(place.path(), think, Arc::clone(&warm)));
        }
        until(|| warm.load(Ordering::SeqCst) == 200).await;
        tokio::time::sleep(Duration::from_millis(3 * round)).await; // the time differs in each round
        served.stop();
        lost += clients.join_all().await.into_iter().sum::<u64>();
        served.ended().await;
    }
    println!("{mode:?}: {lost} lost in 5 closes");
    lost
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keep_alive_clients_of_a_path_lose_nothing() {
    assert_eq!(keep_alive_closes(CloseMode::Lossless).await, 0);
}

/// The opposite: an immediate close of idle connections loses the requests in their buffers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_idle_connections_of_a_path_at_once_loses_requests() {
    assert!(keep_alive_closes(CloseMode::Abrupt).await > 0);
}

/// The kernel does not report for how long a Unix socket has been quiet.
#[tokio::test]
async fn connections_of_a_path_that_have_been_quiet_do_not_hold_the_stop() {
    let clock = PausedClock::new();
    let quiet = Duration::from_secs(10);
    for was_quiet in [false, true] {
        let place = Place::new();
        let mut served = serve(&place.path(), ping(), |server| server.idle_quiet(quiet)).await;
        let mut client = connect(&place.path()).await.unwrap();
        client.send(PING).await.unwrap();
        assert!(client.response().await.unwrap().is_ok());
        clock.advance_to_before(quiet).await;
        if was_quiet {
            clock.advance_past().await;
            served.stop();
        } else {
            served.stop();
            until(|| !place.path().exists()).await;
            settle().await;
            assert!(served.is_running(), "a connection that was just used has its quiet time");
            clock.advance_past().await;
        }
        served.ended().await;
        assert!(client.rest().await.is_eof());
    }
}

#[tokio::test]
async fn requests_over_a_unix_socket_are_named_as_such() {
    let release = stop_source();
    let peer = async |Extension(Peer(peer)): Extension<Peer>| peer.to_string();
    let router = slow(release.token()).route("/peer", axum::routing::get(peer));
    let place = Place::new();
    let mut served = serve(&place.path(), router, |server| server.peer_info(true)).await;
    let mut client = connect(&place.path()).await.unwrap();
    client.get("/peer").await.unwrap();
    assert_eq!(client.response().await.unwrap().body, b"unix");
    client.send(SLOW).await.unwrap();
    until(|| served.work.in_flight() == 1).await;
    assert_eq!(served.work.stragglers()[0].name, "GET /slow from unix");
    release.stop(cause(), None);
    served.stop();
    assert!(client.response().await.unwrap().closes);
    drop(client);
    served.ended().await;
}

/// A temporary directory, and a path for a socket in it.
pub(crate) struct Place {
    pub(crate) directory: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("test.sock")
    }
}

pub(crate) async fn connect(path: &Path) -> std::io::Result<Client<UnixStream>> {
    if let Some(name) = path.to_str().unwrap().strip_prefix('@') {
        use std::os::linux::net::SocketAddrExt;
        let addr = std::os::unix::net::SocketAddr::from_abstract_name(name).unwrap();
        let stream = std::os::unix::net::UnixStream::connect_addr(&addr)?;
        stream.set_nonblocking(true)?;
        return Ok(Client::new(UnixStream::from_std(stream)?));
    }
    UnixStream::connect(path).await.map(Client::new)
}

pub(crate) async fn serve(
    path: &Path,
    router: axum::Router,
    with: impl FnOnce(Server<axum::Router>) -> Server<axum::Router>,
) -> Served {
    serve_on(Listener::bind_unix(path).await.unwrap(), ([0, 0, 0, 0], 0).into(), router, with)
}
