//! tonic services on Ebbtide's server, and `grpc.health.v1`.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a helper that fails fails its test")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use ebbtide::model::Check;
use ebbtide::{Handle, LameDuck, Lifecycle, Phase};
use ebbtide_http1::client::Client;
use ebbtide_tonic::TonicExt as _;
use tonic::Code;
use tonic::service::Routes;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

const SERVING: i32 = ServingStatus::Serving as i32;
const NOT_SERVING: i32 = ServingStatus::NotServing as i32;
const UNKNOWN: i32 = ServingStatus::ServiceUnknown as i32;

/// Sends a GET request on a new connection and closes it. Returns the status and the body.
async fn ask(addr: SocketAddr, path: &str) -> (u16, String) {
    let mut client = Client::connect(addr).await.expect("the server listens");
    let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    client.send(request.as_bytes()).await.unwrap();
    let answer = client.last_response().await.expect("a complete response");
    (answer.status, answer.text().into_owned())
}

fn about(service: &str) -> HealthCheckRequest {
    HealthCheckRequest { service: service.to_owned() }
}

async fn client(addr: SocketAddr) -> HealthClient<Channel> {
    let channel = tonic::transport::Endpoint::from_shared(format!("http://{addr}")).unwrap();
    HealthClient::new(channel.connect().await.expect("the server listens"))
}

async fn check(client: &mut HealthClient<Channel>, service: &str) -> Result<i32, Code> {
    client.check(about(service)).await.map(|reply| reply.into_inner().status).map_err(|status| status.code())
}

/// Runs a lifecycle while a test runs on a separate thread. Returns the exit code.
fn lifecycle<F>(
    start: impl AsyncFnOnce(&Handle) -> SocketAddr,
    test: impl FnOnce(Handle, SocketAddr) -> F + Send + 'static,
) -> u8
where
    F: Future<Output = ()>,
{
    let mut thread = None;
    let report = Lifecycle::new("test")
        .lame_duck(LameDuck::exactly(Duration::from_secs(3)))
        .grace(Duration::from_secs(10))
        .run_to_report(async |app| {
            let addr = start(&app).await;
            let seen = app.clone();
            let run = std::thread::Builder::new().spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(test(seen, addr));
            });
            thread = Some(run?);
            Ok(())
        })
        .expect("the lifecycle starts");
    thread.unwrap().join().expect("the client's assertions hold");
    report.exit_code
}

#[test]
fn grpc_health_follows_readiness_and_ends_its_watches_at_the_drain() {
    let start = async |app: &Handle| {
        let listener = app.bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().tcp().unwrap();
        app.grpc("api", listener, Routes::default());
        addr
    };
    let code = lifecycle(start, async |app: Handle, addr| {
        app.reached(Phase::Ready).await;
        let mut client = client(addr).await;
        assert_eq!(check(&mut client, "").await, Ok(SERVING));
        assert_eq!(check(&mut client, "unknown").await, Err(Code::NotFound));
        let mut watch = client.watch(about("")).await.unwrap().into_inner();
        assert_eq!(watch.message().await.unwrap().unwrap().status, SERVING);
        app.stop("test");
        app.stop_token().stopping().await;
        // A new connection, because tonic's client does not retry a call that is unsent when a GOAWAY arrives.
        let mut late = self::client(addr).await;
        assert_eq!(
            check(&mut late, "").await,
            Ok(NOT_SERVING),
            "not NOT_SERVING as soon as the shutdown began"
        );
        assert_eq!(watch.message().await.unwrap().unwrap().status, NOT_SERVING);
        assert_eq!(app.phase(), Phase::LameDuck, "NOT_SERVING was reported after the lame duck");
        let end = watch.message().await.expect_err("the watch ends");
        assert_eq!(end.code(), Code::Unavailable);
        assert!(app.phase() >= Phase::Draining);
    });
    assert_eq!(code, 0);
}

#[test]
fn grpc_health_follows_the_readiness_checks() {
    let good = Arc::new(AtomicBool::new(true));
    let asked = Arc::clone(&good);
    let start = async |app: &Handle| {
        let listener = app.bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().tcp().unwrap();
        app.check("good", Check::every(Duration::from_millis(5)).failures(1), move || {
            let good = asked.load(Ordering::SeqCst);
            async move { if good { Ok(()) } else { Err("not good") } }
        });
        app.grpc("api", listener, Routes::default());
        addr
    };
    let code = lifecycle(start, async move |app: Handle, addr| {
        let mut client = client(addr).await;
        let mut watch = client.watch(about("")).await.unwrap().into_inner();
        let mut told = watch.message().await.unwrap().unwrap().status;
        while told != SERVING {
            told = watch.message().await.unwrap().unwrap().status;
        }
        for (now, status) in [(false, NOT_SERVING), (true, SERVING), (false, NOT_SERVING)] {
            good.store(now, Ordering::SeqCst);
            assert_eq!(watch.message().await.unwrap().unwrap().status, status);
            assert_eq!(check(&mut client, "").await, Ok(status));
        }
        app.stop("test");
    });
    assert_eq!(code, 0);
}

#[test]
fn services_have_names_and_the_routes_merge_with_an_axum_router() {
    let start = async |app: &Handle| {
        let listener = app.bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().tcp().unwrap();
        let health = app.grpc_health().service("orders.v1.Orders");
        health.set_serving("orders.v1.Orders", false);
        let warm = health.clone();
        let grpc = Routes::new(health.into_server()).into_axum_router();
        let warm_up = get(async move || warm.set_serving("orders.v1.Orders", true));
        let page = get(async || "a page");
        let rest = Router::new().route("/page", page).route("/warm", warm_up);
        app.http("api", listener, app.health_routes(rest.merge(grpc)));
        addr
    };
    let code = lifecycle(start, async |app: Handle, addr| {
        app.reached(Phase::Ready).await;
        let mut client = client(addr).await;
        assert_eq!(check(&mut client, "").await, Ok(SERVING));
        assert_eq!(check(&mut client, "orders.v1.Orders").await, Ok(NOT_SERVING));
        assert_eq!(ask(addr, "/readyz").await.0, 200, "the HTTP routes are not served beside gRPC");
        let mut known = client.watch(about("orders.v1.Orders")).await.unwrap().into_inner();
        let mut unknown = client.watch(about("later")).await.unwrap().into_inner();
        assert_eq!(known.message().await.unwrap().unwrap().status, NOT_SERVING);
        assert_eq!(unknown.message().await.unwrap().unwrap().status, UNKNOWN);
        assert_eq!(ask(addr, "/page").await, (200, "a page".to_owned()));
        assert_eq!(ask(addr, "/warm").await.0, 200);
        assert_eq!(known.message().await.unwrap().unwrap().status, SERVING);
        app.stop("test");
        assert_eq!(known.message().await.unwrap().unwrap().status, NOT_SERVING);
    });
    assert_eq!(code, 0, "a watch delayed the shutdown");
}

/// Sends a call of a method that does not exist, over HTTP/1. Returns the status and that of gRPC.
async fn call(addr: SocketAddr) -> (u16, Option<String>) {
    let mut client = Client::connect(addr).await.expect("the server listens");
    let request = "POST /no.Service/Method HTTP/1.1\r\nHost: test\r\nContent-Type: application/grpc\r\n\
                   Content-Length: 0\r\nConnection: close\r\n\r\n";
    client.send(request.as_bytes()).await.unwrap();
    let answer = client.last_response().await.expect("a complete response");
    (answer.status, answer.header("grpc-status").map(|status| status.to_string()))
}

#[test]
fn an_http_probe_of_a_grpc_server_gets_404_and_a_call_its_grpc_status() {
    let unimplemented = || (200, Some("12".to_owned()));
    let start = async |app: &Handle| {
        let listener = app.bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().tcp().unwrap();
        app.grpc("api", listener, Routes::default());
        addr
    };
    let code = lifecycle(start, async move |app: Handle, addr| {
        app.reached(Phase::Ready).await;
        for path in ["/readyz", "/livez", "/"] {
            assert_eq!(ask(addr, path).await, (404, String::new()), "{path}");
        }
        assert_eq!(call(addr).await, unimplemented());
        assert_eq!(check(&mut client(addr).await, "").await, Ok(SERVING));
        app.stop("test");
    });
    assert_eq!(code, 0);
    // The opposite: tonic's routes on the server.
    let start = async |app: &Handle| {
        let listener = app.bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().tcp().unwrap();
        app.http("api", listener, Routes::default());
        addr
    };
    let code = lifecycle(start, async move |app: Handle, addr| {
        assert_eq!(ask(addr, "/readyz").await, (200, String::new()));
        assert_eq!(call(addr).await, unimplemented());
        app.stop("test");
    });
    assert_eq!(code, 0);
}

#[test]
fn the_opposite_a_watch_of_tonics_health_service_is_cancelled_at_the_deadline() {
    let start = async |app: &Handle| {
        let listener = app.bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().tcp().unwrap();
        let (_, health) = tonic_health::server::health_reporter();
        app.http("api", listener, Routes::new(health));
        addr
    };
    let code = lifecycle(start, async |app: Handle, addr| {
        app.reached(Phase::Ready).await;
        let mut client = client(addr).await;
        let mut watch = client.watch(about("")).await.unwrap().into_inner();
        assert_eq!(watch.message().await.unwrap().unwrap().status, SERVING);
        app.stop("test");
        watch.message().await.expect_err("no status before the watch is cancelled");
    });
    assert_eq!(code, 3);
}
