//! The server and the health routes as components of a lifecycle.

use std::net::SocketAddr;

use ebbtide::http::Listener;
use ebbtide::{LameDuck, Life, Lifecycle, Phase};

use crate::support::{Client, PING, SLOW, cause, slow, stop_source};

async fn status(addr: SocketAddr, path: &str) -> u16 {
    let mut client = Client::connect(addr).await.expect("the health port answers");
    client.send(format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n").as_bytes()).await.unwrap();
    client.answer().await.expect("an answer").head[9..12].parse().unwrap()
}

/// Stops the lifecycle under a request in flight; looks at the probes before, during and after.
async fn rehearse(life: Life, api: SocketAddr, health: SocketAddr, release: ebbtide::drain::StopSource) {
    life.reached(Phase::Ready).await;
    for addr in [api, health] {
        assert_eq!((status(addr, "/readyz").await, status(addr, "/livez").await), (200, 200));
    }
    let mut client = Client::connect(api).await.unwrap();
    client.send(SLOW).await.unwrap();
    let mut silent = Client::connect(api).await.unwrap();
    life.stop("test");
    life.stop_token().stopping().await;
    assert_eq!(status(health, "/readyz").await, 503, "red from the instant of the stop");
    life.reached(Phase::Draining).await;
    assert_eq!((status(health, "/readyz").await, status(health, "/livez").await), (503, 200));
    silent.send(PING).await.unwrap();
    assert!(silent.answer().await.expect("an answer").closes());
    release.stop(cause(), None);
    assert_eq!(client.answer().await.expect("an answer").body, b"slow pong");
}

#[test]
fn a_lifecycle_stops_its_server_without_loss_and_answers_probes_to_the_end() {
    let release = stop_source();
    let router = slow(release.token());
    let mut rehearsal = None;
    let report = Lifecycle::new("test")
        .lame_duck(LameDuck::NONE)
        .run_to_report(async |life| {
            let listener = life.bind("127.0.0.1:0").await?;
            let probes = Listener::bind("127.0.0.1:0").await?;
            let addr = |listener: &Listener| listener.local_addr().tcp().unwrap();
            let (api, health) = (addr(&listener), addr(&probes));
            life.http("api", listener, router);
            life.health("health", probes);
            let seen = life.clone();
            let client = std::thread::Builder::new().spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(rehearse(seen, api, health, release));
            });
            rehearsal = Some(client?);
            Ok(())
        })
        .expect("it starts");
    rehearsal.unwrap().join().expect("the client saw what it should");
    assert_eq!(report.exit_code, 0, "{report:?}");
}
