//! The health routes on a separate port and on the service's port. The optional routes of the health listener, which answer until
//! the end of the shutdown.

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ebbtide::health::{Health, HealthState};
use ebbtide::http::{HealthPages, Listener, Server, serve_health};
use ebbtide::model::{ComponentState, Snapshot};
use ebbtide::{Handle, LameDuck, Lifecycle, Phase};
use tokio::task::JoinSet;

use crate::support::{Client, SLOW, cause, ping, slow, stop_source};

async fn probe(client: &mut Client, path: &str) -> (u16, String) {
    client.get(path).await.unwrap();
    let answer = client.response().await.expect("a response");
    assert!(answer.header("cache-control") == Some("no-store") || !path.ends_with('z'), "{answer:?}");
    (answer.status, String::from_utf8(answer.body).unwrap().trim().to_owned())
}

#[tokio::test]
async fn probes_follow_the_state_on_a_separate_port() {
    let listener = Listener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().tcp().unwrap();
    let (health, stop) = (Health::new(), stop_source());
    let mut serving = JoinSet::new();
    serving.spawn(serve_health(listener, health.clone(), stop.token()));
    let mut client = Client::connect(addr).await.unwrap();
    assert_eq!(probe(&mut client, "/livez").await, (200, "starting".into()));
    assert_eq!(probe(&mut client, "/readyz").await, (503, "starting".into()));
    assert_eq!(probe(&mut client, "/startupz").await, (503, "starting".into()));
    health.set(HealthState::Ready);
    assert_eq!(probe(&mut client, "/readyz").await, (200, "ready".into()));
    assert_eq!(probe(&mut client, "/healthz?from=probe").await, (200, "ready".into()));
    let told = r#"{"state":"ready","checks":[]}"#;
    assert_eq!(probe(&mut client, "/healthz?verbose").await, (200, told.into()));
    health.set(HealthState::Unready);
    assert_eq!(probe(&mut client, "/readyz").await, (503, "unready".into()));
    assert_eq!(probe(&mut client, "/startupz").await, (200, "unready".into()));
    health.set(HealthState::Ready);
    assert_eq!(probe(&mut client, "/readyz").await, (200, "ready".into()));
    health.set(HealthState::Draining);
    assert_eq!(probe(&mut client, "/livez").await, (200, "draining".into()));
    assert_eq!(probe(&mut client, "/readyz").await, (503, "draining".into()));
    assert_eq!(probe(&mut client, "/startupz").await, (200, "draining".into()));
    assert_eq!(probe(&mut client, "/elsewhere").await.0, 404);
    drop(client);
    stop.stop(cause(), None);
    serving.join_all().await.remove(0).unwrap();
}

#[tokio::test]
async fn probes_are_answered_before_the_wrapped_service() {
    let listener = Listener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().tcp().unwrap();
    let (health, stop) = (Health::new(), stop_source());
    let server = Server::new(health.wrap(ping()));
    let mut serving = JoinSet::new();
    serving.spawn(server.serve(listener, stop.token(), stop.token()));
    health.set(HealthState::Ready);
    let mut client = Client::connect(addr).await.unwrap();
    assert_eq!(probe(&mut client, "/readyz").await, (200, "ready".into()));
    assert_eq!(probe(&mut client, "/ping").await, (200, "pong".into()));
    drop(client);
    stop.stop(cause(), None);
    serving.join_all().await.remove(0).unwrap();
}

async fn page(addr: SocketAddr, request: &str) -> (u16, String) {
    let mut client = Client::connect(addr).await.expect("the health port answers");
    client.send(format!("{request} HTTP/1.1\r\nHost: test\r\n\r\n").as_bytes()).await.unwrap();
    let answer = client.response().await.expect("a response");
    (answer.status, String::from_utf8(answer.body).unwrap())
}

async fn snapshot(addr: SocketAddr) -> Snapshot {
    let (status, body) = page(addr, "GET /lifecycle").await;
    assert_eq!(status, 200);
    serde_json::from_str(&body).unwrap()
}

/// Sends a request from a thread without a runtime, as a flusher's.
fn get_blocking(addr: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(addr).expect("the health port answers");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").unwrap();
    let answer = ebbtide_http1::Response::read(&mut stream).expect("a response");
    assert!(answer.is_ok(), "{answer:?}");
    answer.text().into_owned()
}

/// Requests the pages again while the resources close, and while the flushers run.
fn check_pages_at_the_end(app: &Handle, health: SocketAddr, seen: &Arc<Mutex<Vec<Phase>>>) {
    let (later, last) = (Arc::clone(seen), Arc::clone(seen));
    app.resource("looks later", (), move |()| async move {
        let closing = snapshot(health).await;
        assert_eq!(closing.components[1].state, ComponentState::Over, "the server beside it");
        assert_eq!(page(health, "GET /metrics").await, (200, "up 1\n".to_owned()));
        later.lock().unwrap().push(closing.phase);
        Ok(())
    });
    app.on_flush("looks last", move || {
        let flushing: Snapshot = serde_json::from_str(&get_blocking(health, "/lifecycle")).unwrap();
        assert_eq!(get_blocking(health, "/metrics"), "up 1\n");
        last.lock().unwrap().push(flushing.phase);
    });
}

/// Stops the lifecycle during a request, and requests the pages from outside.
async fn look(app: Handle, api: SocketAddr, health: SocketAddr, release: ebbtide::drain::StopSource) {
    app.reached(Phase::Ready).await;
    let ready = snapshot(health).await;
    assert_eq!((ready.name.as_str(), ready.phase, ready.stop), ("test", Phase::Ready, None));
    let names: Vec<&str> = ready.components.iter().map(|component| component.name.as_str()).collect();
    assert_eq!(names, ["start-up", "api", "health", "looks", "looks later", "looks last"]);
    assert_eq!(page(health, "GET /metrics").await, (200, "up 1\n".to_owned()));
    assert_eq!(page(health, "POST /lifecycle").await.0, 404);
    assert_eq!(page(health, "GET /lifecycle/").await.0, 404);

    let mut client = Client::connect(api).await.unwrap();
    client.send(SLOW).await.unwrap();
    while app.snapshot().components[1].in_flight == 0 {
        tokio::task::yield_now().await;
    }
    app.stop("test");
    app.reached(Phase::Draining).await;
    let draining = snapshot(health).await;
    let stop = draining.stop.as_ref().expect("the shutdown has begun");
    assert_eq!((draining.phase, stop.cause.to_string().as_str()), (Phase::Draining, "requested: test"));
    // Both are rounded down to milliseconds.
    let deadline = app.plan().deadline;
    assert!((stop.elapsed + stop.left).abs_diff(deadline) < Duration::from_millis(3), "{stop:?}");
    let api = &draining.components[1];
    assert_eq!((api.state, api.in_flight, api.outcome.is_none()), (ComponentState::Asked, 1, true));
    assert!(api.stragglers[0].name.starts_with("GET /slow"), "{api:?}");
    assert_eq!(page(health, "GET /metrics").await.0, 200, "during the shutdown");
    release.stop(cause(), None);
    assert_eq!(client.response().await.expect("an answer").body, b"slow pong");
}

#[test]
fn the_debug_view_and_the_metrics_are_answered_until_the_end_of_the_shutdown() {
    let release = stop_source();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let router = slow(release.token());
    let report = Lifecycle::new("test")
        .lame_duck(LameDuck::NONE)
        .run_to_report(async |app| {
            let (api, health) = (app.bind("127.0.0.1:0").await?, Listener::bind("127.0.0.1:0").await?);
            let addr = |listener: &Listener| listener.local_addr().tcp().unwrap();
            let (api_addr, health_addr) = (addr(&api), addr(&health));
            let looks = look(app.clone(), api_addr, health_addr, release);
            app.http("api", api, router);
            let pages = HealthPages::new().lifecycle(&app).metrics(|| "up 1\n".to_owned());
            app.health_with("health", health, pages);
            app.once("looks", |_| async {
                looks.await;
                Ok(())
            });
            check_pages_at_the_end(&app, health_addr, &seen);
            Ok(())
        })
        .expect("the lifecycle starts");
    assert_eq!(report.exit_code, 0, "{report:?}");
    assert_eq!(*seen.lock().unwrap(), [Phase::Closing, Phase::Flushing]);
}

/// The opposite: both are off by default.
#[test]
fn the_debug_view_and_the_metrics_are_off_by_default() {
    let report = Lifecycle::new("test")
        .lame_duck(LameDuck::NONE)
        .run_to_report(async |app| {
            let listener = Listener::bind("127.0.0.1:0").await?;
            let addr = listener.local_addr().tcp().unwrap();
            app.health("health", listener);
            assert_eq!(page(addr, "GET /lifecycle").await.0, 404);
            assert_eq!(page(addr, "GET /metrics").await.0, 404);
            assert_eq!(page(addr, "GET /livez").await.0, 200);
            app.stop("seen");
            Ok(())
        })
        .expect("the lifecycle starts");
    assert_eq!(report.exit_code, 0, "{report:?}");
}
