//! The announcements are spread over the lame duck, so that not all clients reconnect at the same time.

use std::time::Duration;

use tokio::task::JoinSet;

use crate::frames::{self, Frames, GOAWAY};
use crate::support::{Client, LONG, PING, PausedClock, now, ping, serve};

const CLIENTS: usize = 40;

enum Peer {
    Http1(Client),
    Http2(Frames),
}

impl Peer {
    /// Returns whether the server announces the close in its response to a request.
    async fn is_told(&mut self) -> bool {
        match self {
            Self::Http1(client) => {
                client.send(PING).await.unwrap();
                client.response().await.expect("a response").closes
            }
            Self::Http2(frames) => {
                frames.send(frames::PING, 0, 0, b"are you?").await;
                let first = frames.next_of(&[GOAWAY, frames::PING]).await.expect("a response");
                first.kind == GOAWAY
            }
        }
    }
}

/// Returns how many clients have seen the announcement at the signal, and after each further third of `whole`.
async fn told(clock: &PausedClock, http2: bool, spread: Duration, whole: Duration) -> [usize; 4] {
    let mut served = serve(ping(), |server| server.announce_over(spread)).await;
    let mut untold = Vec::new();
    for _ in 0..CLIENTS {
        untold.push(if http2 {
            let mut frames = Frames::connect(served.addr, 65_535).await;
            frames.get(1, "/ping").await;
            assert!(frames.body(1).await.is_some());
            Peer::Http2(frames)
        } else {
            Peer::Http1(Client::connect(served.addr).await.unwrap())
        });
    }
    for peer in &mut untold {
        assert!(!peer.is_told().await, "before the signal");
    }
    served.announce();
    let mut told = [0; 4];
    for (third, told) in told.iter_mut().enumerate() {
        clock.advance(if third == 0 { Duration::ZERO } else { whole / 3 }).await;
        if third == 3 {
            clock.advance_past().await;
        }
        let mut still = Vec::new();
        for mut peer in untold {
            if !peer.is_told().await {
                still.push(peer);
            }
        }
        untold = still;
        *told = CLIENTS - untold.len();
    }
    drop(untold);
    served.stop();
    served.ended().await;
    told
}

#[tokio::test]
async fn the_close_is_announced_at_a_different_time_on_each_connection() {
    let clock = PausedClock::new();
    let spread = Duration::from_secs(12);
    for http2 in [false, true] {
        let [first, third, two_thirds, all] = told(&clock, http2, spread, spread).await;
        // The announcement on the first connection is due at the signal. In each third about a third of them is due.
        assert_eq!((first, all), (1, CLIENTS));
        let thirds = [third, two_thirds - third, all - two_thirds];
        assert!(thirds.iter().all(|third| (12..=15).contains(third)), "{thirds:?}");
    }
}

/// The opposite: all at once.
#[tokio::test]
async fn without_a_spread_the_close_is_announced_to_all_at_the_signal() {
    let clock = PausedClock::new();
    for http2 in [false, true] {
        let told = told(&clock, http2, Duration::ZERO, Duration::ZERO).await;
        assert_eq!(told[0], CLIENTS);
    }
}

/// Keeps idle connections to a server that stops. Returns when each was closed, in milliseconds after the signal.
async fn left(spread: Duration, wait: Duration) -> Vec<Option<u128>> {
    let quiet = Duration::from_millis(50);
    let with = |server: ebbtide::http::Server<axum::Router>| server.announce_over(spread).idle_quiet(quiet);
    let mut served = serve(ping(), with).await;
    let mut clients = JoinSet::new();
    let mut begun = Vec::new();
    for _ in 0..CLIENTS {
        let mut client = Client::connect(served.addr).await.unwrap();
        client.send(PING).await.unwrap();
        assert!(client.response().await.expect("a response").is_ok());
        begun.push(client);
    }
    let signal = now();
    served.announce();
    for mut client in begun {
        clients.spawn(async move {
            let ended = tokio::time::timeout(wait, client.rest()).await;
            ended.ok().map(|end| {
                assert!(end.received.is_empty() && end.is_eof());
                signal.elapsed().as_millis()
            })
        });
    }
    let left = clients.join_all().await;
    served.stop();
    served.ended().await;
    assert_eq!((served.work.finished(), served.work.cancelled()), (CLIENTS as u64, 0));
    left
}

/// Without the spread, all would be closed at once at the end of the lame duck, and reconnect at the same time.
#[tokio::test]
async fn idle_connections_are_closed_over_the_second_half_of_the_lame_duck() {
    let spread = 1200;
    let left: Vec<u128> = left(Duration::from_millis(spread), LONG).await.into_iter().flatten().collect();
    assert_eq!(left.len(), CLIENTS);
    // Late on a busy machine, and never early; in each third of the second half about a third of them.
    assert!(left.iter().all(|at| *at >= u128::from(spread)), "{left:?}");
    let early = left.iter().filter(|at| **at < 1600).count();
    let late = left.iter().filter(|at| **at >= 2000).count();
    assert!((2..=16).contains(&early) && late >= 10, "{left:?}");
}

/// The opposite: without a spread none is closed before the end of the lame duck.
#[tokio::test]
async fn without_a_spread_idle_connections_stay_until_the_end_of_the_lame_duck() {
    let left = left(Duration::ZERO, Duration::from_millis(500)).await;
    assert_eq!(left, [None; CLIENTS]);
}

#[tokio::test]
async fn after_the_lame_duck_every_response_announces_the_close() {
    let mut served = serve(ping(), |server| server.announce_over(LONG * 1000)).await;
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        clients.push(Client::connect(served.addr).await.unwrap());
    }
    served.announce();
    let mut told = 0;
    for client in &mut clients {
        client.send(PING).await.unwrap();
        told += usize::from(client.response().await.expect("a response").closes);
    }
    assert!(told <= 1, "only the first connection is due at the signal: {told}");
    served.stop();
    for client in clients.iter_mut().skip(told) {
        client.send(PING).await.unwrap();
        assert!(client.response().await.expect("a response").closes);
    }
    drop(clients);
    served.ended().await;
}

#[cfg(feature = "testing")]
mod in_a_lifecycle {
    use std::time::Duration;

    use ebbtide::http::{Listener, Server};
    use ebbtide::testing::{Trial, lifecycle};
    use ebbtide::{LameDuck, Phase};

    use crate::support::{Client, PING, PausedClock, ping};

    const LAME_DUCK: LameDuck = LameDuck {
        min: Duration::from_secs(6),
        quiet: Duration::from_millis(100),
        max: Duration::from_secs(6),
    };

    /// Returns how many of ten connections have seen the announcement at the signal, and after one and two quarters of the
    /// lame duck.
    async fn told(spread: Option<Duration>) -> [usize; 3] {
        let clock = PausedClock::new();
        let listener = Listener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().tcp().unwrap();
        let service = Trial::start(lifecycle("test").lame_duck(LAME_DUCK), |app| async move {
            let server = Server::new(ping());
            let server = if let Some(spread) = spread { server.announce_over(spread) } else { server };
            app.http_server("api", listener, server);
            Ok(())
        });
        service.ready().await;
        let mut untold = Vec::new();
        for _ in 0..10 {
            let mut client = Client::connect(addr).await.unwrap();
            client.send(PING).await.unwrap();
            assert!(!client.response().await.expect("a response").closes);
            untold.push(client);
        }
        service.handle().stop("test");
        service.handle().stop_token().stopping().await;
        let mut told = [0; 3];
        for (quarter, told) in told.iter_mut().enumerate() {
            clock.advance(if quarter == 0 { Duration::ZERO } else { LAME_DUCK.min / 4 }).await;
            let mut still = Vec::new();
            for mut client in untold {
                client.send(PING).await.unwrap();
                if !client.response().await.expect("a response").closes {
                    still.push(client);
                }
            }
            untold = still;
            *told = 10 - untold.len();
            assert_eq!(service.phase(), Phase::LameDuck);
        }
        drop((clock, untold));
        assert_eq!(service.stop().await.exit_code, 0);
        told
    }

    #[tokio::test]
    async fn a_lifecycle_spreads_the_announcements_over_half_of_its_lame_duck() {
        assert_eq!(told(None).await, [1, 5, 10]);
    }

    /// The opposite: a spread that is set on the server takes precedence.
    #[tokio::test]
    async fn a_lifecycle_leaves_a_spread_of_zero_as_it_is() {
        assert_eq!(told(Some(Duration::ZERO)).await, [10, 10, 10]);
    }
}
