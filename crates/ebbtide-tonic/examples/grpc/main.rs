//! A gRPC service with `grpc.health.v1`, whose status follows readiness.
//!
//! ```sh
//! cargo run -p ebbtide-tonic --example grpc -- 127.0.0.1:8080
//! ```

mod greeter;

use std::process::ExitCode;
use std::time::Duration;

use ebbtide::Lifecycle;
use ebbtide_tonic::TonicExt as _;
use greeter::{Greeter, GreeterServer};
use tonic::service::Routes;
use tonic::{Request, Response, Status};

struct English;

#[tonic::async_trait]
impl Greeter for English {
    async fn greet(&self, request: Request<String>) -> Result<Response<String>, Status> {
        tokio::time::sleep(Duration::from_millis(100)).await;
        Ok(Response::new(format!("Hello, {}!", request.into_inner())))
    }
}

fn main() -> ExitCode {
    let lifecycle = Lifecycle::new("greeter");
    tracing_subscriber::fmt::init();
    lifecycle.run(async |app| {
        let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
        // At the shutdown calls finish, streams that outlive the deadline end with UNAVAILABLE, and health turns NOT_SERVING.
        app.grpc("api", app.bind(address).await?, Routes::new(GreeterServer::new(English)));
        Ok(())
    })
}
