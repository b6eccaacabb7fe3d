//! A handler learns of the stop.

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::routing::get;
use ebbtide::layer::{HandlerStop, InFlightLayer, StopLayer};
use tower::ServiceExt as _;

use crate::support::{cause, now, source};

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
    stop.stop(cause(), Some(now() + std::time::Duration::from_secs(10)));
    for router in [&by_layer, &by_in_flight] {
        assert_eq!(told(router.clone()).await, (200, "true true".to_owned()));
    }
}

#[tokio::test]
async fn without_a_layer_the_rejection_names_the_remedy() {
    let (status, body) = told(asking()).await;
    assert_eq!(status, 500);
    assert!(body.contains("life.stop_layer()") && body.contains("tell_handlers()"), "{body}");
}
