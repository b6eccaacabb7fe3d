//! A gRPC server with the health service, stopped with `serve_with_shutdown`, or without a handler.

use std::env;
use std::error::Error;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;
use tonic::codegen::{BoxFuture, Service};
use tonic::server::NamedService;
use tonic::transport::Server;

/// Answers 100 ms later.
#[derive(Clone)]
struct Slow<S>(S);

impl<S: NamedService> NamedService for Slow<S> {
    const NAME: &'static str = S::NAME;
}

impl<S, R> Service<R> for Slow<S>
where
    S: Service<R>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<S::Response, S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let response = self.0.call(request);
        Box::pin(async {
            sleep(Duration::from_millis(100)).await;
            response.await
        })
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = format!("127.0.0.1:{}", env::var("PORT")?).parse()?;
    let (_reporter, health) = tonic_health::server::health_reporter();
    let router = Server::builder().add_service(Slow(health));
    if env::args().nth(1).as_deref() != Some("graceful") {
        return Ok(router.serve(address).await?);
    }
    let mut terminate = signal(SignalKind::terminate())?;
    let stopped = async move {
        terminate.recv().await;
    };
    Ok(router.serve_with_shutdown(address, stopped).await?)
}
