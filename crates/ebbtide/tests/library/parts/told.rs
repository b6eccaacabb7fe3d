//! A handler learns of the stop.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::routing::get;
use ebbtide::layer::{HandlerStop, InFlightLayer, StopLayer};
use ebbtide::{LameDuck, Lifecycle, Phase};
use tower::ServiceExt as _;

use super::support::{cause, now, source};

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
async fn the_extractor_tells_whether_a_stop_has_begun_and_how_long_it_has() {
    let stop = source();
    let by_layer = asking().layer(StopLayer::new(stop.token()));
    let by_in_flight = asking().layer(InFlightLayer::new().tell(HandlerStop::new(stop.token())));
    for router in [&by_layer, &by_in_flight] {
        assert_eq!(told(router.clone()).await, (200, "no hurry".to_owned()));
    }
    stop.stop(cause(), Some(now() + Duration::from_secs(10)));
    for router in [&by_layer, &by_in_flight] {
        assert_eq!(told(router.clone()).await, (200, "true true".to_owned()));
    }
}

/// Looks at a lifecycle's stop as a handler of a server that never ends sees it.
#[test]
fn a_lifecycle_tells_handlers_the_servers_time_and_the_drain_after_the_lame_duck() {
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
        .expect("it starts");
    assert_eq!(report.exit_code, 3);
    let ((left, draining, deadline), (drain_left, drain_deadline), at_cut, plan) =
        seen.unwrap().recv().unwrap();
    assert!(!draining && left.is_some_and(|left| left <= plan.servers_cut() && !left.is_zero()));
    assert!(drain_left.is_some_and(|left| left <= plan.servers_cut() - duck), "{drain_left:?}");
    assert_eq!(deadline, drain_deadline);
    assert_eq!(at_cut, Some(Duration::ZERO), "not cut before its deadline");
}

#[tokio::test]
async fn without_a_layer_the_rejection_names_the_remedy() {
    let (status, body) = told(asking()).await;
    assert_eq!(status, 500);
    assert!(body.contains("app.stop_layer()") && body.contains("tell_handlers()"), "{body}");
}
