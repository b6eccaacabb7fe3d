//! Layers: requests in flight with a foreign server, and a handler that observes the shutdown.

use std::convert::Infallible;
use std::future::Ready;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use bytes::Bytes;
use ebbtide::drain::Tracker;
use ebbtide::layer::{HandlerStop, InFlightLayer, StopLayer};
use ebbtide::{LameDuck, Lifecycle, Phase};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use tokio::sync::mpsc;
use tonic::transport::server::TcpIncoming;
use tower::{Layer as _, Service, ServiceExt as _};

use super::support::{answer, cause, connect, now, signal, source, until};

/// Returns a response immediately; its body is not read yet.
#[derive(Clone)]
struct AtOnce;

impl Service<Request<()>> for AtOnce {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        std::future::ready(Ok(Response::new(Full::from("whole"))))
    }
}

#[tokio::test]
async fn a_request_is_in_flight_from_the_call_to_the_end_of_its_body() {
    let layer = InFlightLayer::from(Tracker::new()).named();
    let mut service = layer.layer(AtOnce);
    let answering = service.call(Request::builder().uri("/a?secret").body(()).unwrap());
    assert_eq!(layer.in_flight(), 1);
    assert_eq!(layer.work().stragglers()[0].name, "GET /a");
    let mut response = answering.await.unwrap();
    assert_eq!(layer.in_flight(), 1, "its body is not read");
    response.body_mut().frame().await.unwrap().unwrap();
    assert!(response.body_mut().frame().await.is_none());
    assert_eq!((layer.in_flight(), layer.work().finished()), (0, 1), "its body has ended");
    drop(service.call(Request::new(())));
    let unread = service.call(Request::new(())).await.unwrap();
    drop(unread);
    let counts = layer.work().counts();
    let dropped = (counts.in_flight, counts.finished, counts.abandoned, counts.unaccounted());
    assert_eq!(dropped, (0, 1, 2, 0), "dropped, with and without a response");
    assert_eq!(layer.work().stragglers(), []);
    let upgraded = layer.guard();
    assert_eq!(layer.in_flight(), 1);
    drop(upgraded);
    layer.idle().await;
}

/// A body that continues until the sender is dropped.
fn endless() -> (mpsc::Sender<()>, Router) {
    let (release, released) = mpsc::channel::<()>(1);
    let released = std::sync::Arc::new(tokio::sync::Mutex::new(released));
    let handler = async move || {
        let body = async move {
            while released.lock().await.recv().await.is_some() {}
            Ok::<_, Infallible>("over")
        };
        Body::from_stream(futures_util::stream::once(body))
    };
    (release, Router::new().route("/stream", get(handler)))
}

#[tokio::test]
async fn a_stream_of_axums_server_counts_until_it_ends() {
    let (release, router) = endless();
    let layer = InFlightLayer::new();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (stop, stopped) = signal();
    let server = axum::serve(listener, router.layer(layer.clone())).with_graceful_shutdown(stopped);
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(server.into_future());
    let client = connect(addr, "/stream").await;
    until(|| layer.in_flight() == 1).await;
    stop.send(()).unwrap();
    drop(release);
    layer.idle().await;
    let (status, body) = answer(client).await;
    assert!(status == 200 && body.contains("over"), "{status} {body}");
    tasks.join_next().await.unwrap().unwrap().unwrap();
    assert_eq!(layer.work().finished(), 1);
}

#[tokio::test]
async fn a_stream_of_tonics_server_counts_until_it_ends() {
    let (reporter, health) = tonic_health::server::health_reporter();
    let layer = InFlightLayer::new().named();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (stop, stopped) = signal();
    let server = tonic::transport::Server::builder().layer(layer.clone()).add_service(health);
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(server.serve_with_incoming_shutdown(TcpIncoming::from(listener), stopped));
    let channel = tonic::transport::Endpoint::from_shared(format!("http://{addr}")).unwrap().connect().await;
    let mut client = tonic_health::pb::health_client::HealthClient::new(channel.unwrap());
    let about = tonic_health::pb::HealthCheckRequest { service: String::new() };
    let mut watch = client.watch(about.clone()).await.unwrap().into_inner();
    watch.message().await.unwrap();
    client.check(about).await.unwrap();
    until(|| layer.in_flight() == 1).await;
    assert_eq!(layer.work().stragglers()[0].name, "POST /grpc.health.v1.Health/Watch");
    drop((watch, client, reporter));
    layer.idle().await;
    stop.send(()).unwrap();
    tasks.join_next().await.unwrap().unwrap().unwrap();
    let counts = layer.work().counts();
    assert_eq!(
        (counts.finished, counts.abandoned, counts.unaccounted()),
        (1, 1, 0),
        "the client left the watch"
    );
}

/// Runs a lifecycle with axum's server. `end` decides whether the stream in flight ends in time.
fn report_of_foreign_server(end: bool) -> ebbtide::Report {
    let (release, router) = endless();
    let mut client = None;
    Lifecycle::new("test")
        .lame_duck(LameDuck::NONE)
        .grace(Duration::from_secs(if end { 30 } else { 6 }))
        .run_to_report(async |app| {
            let layer = app.in_flight("api requests");
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
            let addr = listener.local_addr()?;
            let closed = app.drain_token().stopping_owned();
            let router = router.layer(layer.clone());
            app.once("api", |stop| async move {
                let server = axum::serve(listener, router).with_graceful_shutdown(closed);
                stop.unless_cancelled(server.into_future()).await.unwrap_or(Ok(()))?;
                Ok(())
            });
            client = Some(connect(addr, "/stream").await);
            until(|| layer.in_flight() == 1).await;
            let seen = app.clone();
            app.once("releaser", move |_| async move {
                seen.reached(Phase::Draining).await;
                if end {
                    drop(release);
                } else {
                    std::mem::forget(release);
                }
                Ok(())
            });
            app.stop("test");
            Ok(())
        })
        .expect("the lifecycle starts")
}

#[test]
fn a_lifecycle_waits_for_the_requests_of_a_foreign_server_and_reports_them() {
    let report = report_of_foreign_server(true);
    let component = report.components.iter().find(|one| one.name == "api requests").unwrap();
    assert_eq!(
        (report.exit_code, component.in_flight_at_stop, component.finished, component.cancelled),
        (0, 1, 1, 0)
    );
}

#[test]
fn unfinished_requests_of_a_foreign_server_are_reported_as_cancelled() {
    let report = report_of_foreign_server(false);
    let component = report.components.iter().find(|one| one.name == "api requests").unwrap();
    assert_eq!((report.exit_code, component.in_flight_at_stop, component.cancelled), (3, 1, 1), "{report:?}");
}

async fn told(router: Router) -> (u16, String) {
    let request = Request::builder().uri("/").body(Body::empty()).unwrap();
    let response = router.oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = axum::body::to_bytes(response.into_body(), 1000).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

fn asking() -> Router {
    let handler = async |stop: HandlerStop| match stop.time_left() {
        None => "no hurry".to_owned(),
        Some(left) => format!("{} {}", stop.is_stopping(), left.as_secs() > 8),
    };
    Router::new().route("/", get(handler))
}

#[tokio::test]
async fn the_extractor_returns_whether_the_service_stops_and_the_time_left() {
    let stop = source();
    let by_layer = asking().layer(StopLayer::new(stop.token()));
    let by_in_flight = asking().layer(InFlightLayer::new().notify_handlers(HandlerStop::new(stop.token())));
    for router in [&by_layer, &by_in_flight] {
        assert_eq!(told(router.clone()).await, (200, "no hurry".to_owned()));
    }
    stop.stop(cause(), Some(now() + Duration::from_secs(10)));
    for router in [&by_layer, &by_in_flight] {
        assert_eq!(told(router.clone()).await, (200, "true true".to_owned()));
    }
}

/// Checks what a handler of a server that never ends sees of a lifecycle's shutdown.
#[test]
fn handlers_get_the_servers_deadline_and_the_drain_after_the_lame_duck() {
    let duck = Duration::from_millis(300);
    let mut seen = None;
    let report = Lifecycle::new("test")
        .lame_duck(LameDuck::exactly(duck))
        .grace(Duration::from_secs(6))
        .run_to_report(async |app| {
            let (stop, drain, plan) = (app.handler_stop(), app.drain_token(), app.plan().clone());
            assert!(stop.time_left().is_none() && drain.deadline().is_none());
            app.serve("server", InFlightLayer::new().work(), |_| std::future::pending());
            let (send, receive) = std::sync::mpsc::channel();
            app.once("handler", |_| async move {
                stop.stopping().await;
                let begun = (stop.time_left(), stop.drain().is_stopping(), stop.deadline());
                drain.stopping().await;
                let drained = (drain.time_left(), drain.deadline());
                drain.cancelled().await;
                let _ = send.send((begun, drained, drain.time_left(), plan));
                Ok(())
            });
            app.once("stopper", |_| {
                let app = app.clone();
                async move {
                    app.reached(Phase::Ready).await;
                    app.stop("test");
                    Ok(())
                }
            });
            seen = Some(receive);
            Ok(())
        })
        .expect("the lifecycle starts");
    assert_eq!(report.exit_code, 3);
    let ((left, draining, deadline), (drain_left, drain_deadline), at_cancel, plan) =
        seen.unwrap().recv().unwrap();
    assert!(!draining && left.is_some_and(|left| left <= plan.servers_cancelled() && !left.is_zero()));
    assert!(drain_left.is_some_and(|left| left <= plan.servers_cancelled() - duck), "{drain_left:?}");
    assert_eq!(deadline, drain_deadline);
    assert_eq!(at_cancel, Some(Duration::ZERO), "not cancelled before its deadline");
}

#[tokio::test]
async fn without_the_layer_the_rejection_names_it() {
    let (status, body) = told(asking()).await;
    assert_eq!(status, 500);
    assert!(body.contains("Handle::stop_layer") && body.contains("notify_handlers"), "{body}");
}
