//! Many clients over TLS while the server closes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ebbtide::drain::Stop;
use ebbtide::http::{CloseMode, Server};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::pair::{Pair, serve};
use crate::support::{Client, LONG, PING, PING_CLOSE, cause, ping, stop_source, until};

/// Sends requests until the server announces the close, or a request is lost. Returns the number of lost requests.
async fn keeps_alive(pair: Arc<Pair>, addr: SocketAddr, think: Duration, warm: Arc<AtomicU64>) -> u64 {
    let mut client = pair.connect(addr).await.unwrap();
    let mut answered = 0;
    loop {
        // A client whose connection is closed before it has sent a request has lost nothing.
        let closed = tokio::time::timeout(think, client.stream.read(&mut [0])).await;
        if closed.is_ok() {
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
    const CLIENTS: u64 = 200;
    let pair = Arc::new(Pair::new());
    let mut lost = 0;
    for round in 0..5 {
        // On a busy machine clients pause for longer than intended.
        let settings = |server: Server<_>| server.close_mode(mode).idle_quiet(LONG).handshake_timeout(LONG);
        let mut served = serve(pair.tls(), ping(), settings).await;
        let (mut clients, warm) = (JoinSet::new(), Arc::new(AtomicU64::new(0)));
        for each in 0..CLIENTS {
            let think = Duration::from_micros(each * 100);
            clients.spawn(keeps_alive(Arc::clone(&pair), served.addr, think, Arc::clone(&warm)));
        }
        until(|| warm.load(Ordering::SeqCst) == CLIENTS).await;
        tokio::time::sleep(Duration::from_millis(3 * round)).await; // the time differs in each round
        served.stop();
        lost += clients.join_all().await.into_iter().sum::<u64>();
        served.ended().await;
        assert_eq!(served.work.cancelled(), 0);
    }
    println!("TLS, {mode:?}: {lost} lost in 5 closes");
    lost
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keep_alive_clients_over_tls_lose_nothing() {
    assert_eq!(keep_alive_closes(CloseMode::Lossless).await, 0);
}

/// The opposite: an immediate close of idle connections loses the requests in transit.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_idle_connections_over_tls_at_once_loses_requests() {
    assert!(keep_alive_closes(CloseMode::Abrupt).await > 0);
}

/// Connects, completes the handshake and sends requests until it is refused. On an established connection, any result other than
/// a response is a loss.
async fn client(pair: Arc<Pair>, addr: SocketAddr, answered: Arc<AtomicU64>, gone: Stop) -> u64 {
    let mut lost = 0;
    loop {
        let connected = tokio::select! {
            biased;
            connected = TcpStream::connect(addr) => connected,
            () = gone.stopping() => return lost,
        };
        let Ok(stream) = connected else { return lost };
        let asked = async {
            let mut client = Client::new(pair.over(stream, &[]).await?);
            client.send(PING_CLOSE).await?;
            Ok::<_, std::io::Error>(client.last_response().await?.body == b"pong")
        };
        match asked.await {
            Ok(true) => drop(answered.fetch_add(1, Ordering::SeqCst)),
            other => {
                println!("lost: {other:?}");
                lost += 1;
            }
        }
    }
}

async fn storms(mode: CloseMode) -> u64 {
    const CLIENTS: u64 = 32;
    let pair = Arc::new(Pair::new());
    let mut lost = 0;
    for round in 0..10 {
        // On a busy machine a client may be slow in each of its steps.
        let settings =
            |server: Server<_>| server.close_mode(mode).first_byte_grace(LONG).handshake_timeout(LONG);
        let mut served = serve(pair.tls(), ping(), settings).await;
        let (mut clients, answered, gone) = (JoinSet::new(), Arc::new(AtomicU64::new(0)), stop_source());
        for _ in 0..CLIENTS {
            clients.spawn(client(Arc::clone(&pair), served.addr, Arc::clone(&answered), gone.token()));
        }
        until(|| answered.load(Ordering::SeqCst) >= CLIENTS).await;
        tokio::time::sleep(Duration::from_millis(round)).await; // the time differs in each round
        served.stop();
        served.ended().await;
        gone.stop(cause(), None);
        lost += clients.join_all().await.into_iter().sum::<u64>();
    }
    println!("TLS, {mode:?}: {lost} lost in 10 closes");
    lost
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_of_new_connections_over_tls_loses_nothing() {
    assert_eq!(storms(CloseMode::Lossless).await, 0);
}

/// The opposite: an immediate close loses handshakes and requests.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_abrupt_close_loses_requests_over_tls() {
    assert!(storms(CloseMode::Abrupt).await > 0);
}
