//! The health routes on a server's own port and on the service's.

use ebbtide::health::{Health, HealthState};
use ebbtide::http::{Listener, Server, serve_health};
use tokio::task::JoinSet;

use crate::support::{Client, cause, ping, stop_source};

async fn get(client: &mut Client, path: &str) -> (u16, String) {
    client.send(format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n").as_bytes()).await.unwrap();
    let answer = client.answer().await.expect("an answer");
    assert!(answer.head.contains("cache-control: no-store") || !path.ends_with('z'), "{}", answer.head);
    (answer.head[9..12].parse().unwrap(), String::from_utf8(answer.body).unwrap().trim().to_owned())
}

#[tokio::test]
async fn probes_follow_the_state_on_a_port_of_their_own() {
    let listener = Listener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().tcp().unwrap();
    let (health, stop) = (Health::new(), stop_source());
    let mut serving = JoinSet::new();
    serving.spawn(serve_health(listener, health.clone(), stop.token()));
    let mut client = Client::connect(addr).await.unwrap();
    assert_eq!(get(&mut client, "/livez").await, (200, "starting".into()));
    assert_eq!(get(&mut client, "/readyz").await, (503, "starting".into()));
    assert_eq!(get(&mut client, "/startupz").await, (503, "starting".into()));
    health.set(HealthState::Ready);
    assert_eq!(get(&mut client, "/readyz").await, (200, "ready".into()));
    assert_eq!(get(&mut client, "/healthz?from=probe").await, (200, "ready".into()));
    let told = r#"{"state":"ready","checks":[]}"#;
    assert_eq!(get(&mut client, "/healthz?verbose").await, (200, told.into()));
    health.set(HealthState::Unready);
    assert_eq!(get(&mut client, "/readyz").await, (503, "unready".into()));
    assert_eq!(get(&mut client, "/startupz").await, (200, "unready".into()));
    health.set(HealthState::Ready);
    assert_eq!(get(&mut client, "/readyz").await, (200, "ready".into()));
    health.set(HealthState::Draining);
    assert_eq!(get(&mut client, "/livez").await, (200, "draining".into()));
    assert_eq!(get(&mut client, "/readyz").await, (503, "draining".into()));
    assert_eq!(get(&mut client, "/startupz").await, (200, "draining".into()));
    assert_eq!(get(&mut client, "/elsewhere").await.0, 404);
    drop(client);
    stop.stop(cause(), None);
    serving.join_all().await.remove(0).unwrap();
}

#[tokio::test]
async fn probes_are_answered_in_front_of_a_service() {
    let listener = Listener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().tcp().unwrap();
    let (health, stop) = (Health::new(), stop_source());
    let server = Server::new(health.wrap(ping()));
    let mut serving = JoinSet::new();
    serving.spawn(server.serve(listener, stop.token(), stop.token()));
    health.set(HealthState::Ready);
    let mut client = Client::connect(addr).await.unwrap();
    assert_eq!(get(&mut client, "/readyz").await, (200, "ready".into()));
    assert_eq!(get(&mut client, "/ping").await, (200, "pong".into()));
    drop(client);
    stop.stop(cause(), None);
    serving.join_all().await.remove(0).unwrap();
}
