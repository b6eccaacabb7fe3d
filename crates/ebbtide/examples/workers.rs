//! A worker pool behind an API: jobs are accepted while there is room, and every accepted job is finished at the shutdown.
//!
//! ```sh
//! cargo run -p ebbtide --features axum,http --example workers -- 127.0.0.1:8080
//! curl --data 'cat.png' http://127.0.0.1:8080/thumbnails
//! ```

use std::process::ExitCode;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use ebbtide::lifecycle::{Pool, PoolOptions, Rejected};
use ebbtide::{BoxError, Lifecycle, Stop};

fn main() -> ExitCode {
    let lifecycle = Lifecycle::new("thumbnails");
    tracing_subscriber::fmt::init();
    lifecycle.run(async |app| {
        let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
        // Four jobs run at a time and a hundred wait. The queue is in memory: store first what must survive a crash.
        let thumbnails = app.workers("thumbnails", PoolOptions::new(4).capacity(100), resize);
        let routes = Router::new().route("/thumbnails", post(accept)).with_state(thumbnails);
        app.http("api", app.bind(address).await?, app.health_routes(routes));
        Ok(())
    })
}

async fn accept(State(thumbnails): State<Pool<String>>, image: String) -> StatusCode {
    match thumbnails.try_send(image) {
        Ok(()) => StatusCode::ACCEPTED,
        Err(Rejected::Full(_)) => StatusCode::TOO_MANY_REQUESTS,
        Err(Rejected::Stopped(_)) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

async fn resize(image: String, stop: Stop) -> Result<(), BoxError> {
    for step in ["decode", "scale", "encode"] {
        // At the deadline a job is dropped at its next `.await`. One that cleans up first looks at its token.
        if stop.is_cancelled() {
            return Err(format!("{image}: deadline exceeded before {step}").into());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    tracing::info!(image, "thumbnail written");
    Ok(())
}
