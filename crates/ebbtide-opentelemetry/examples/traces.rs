//! Exports spans over OTLP, including those of the last requests and of the shutdown itself.
//!
//! ```sh
//! OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 \
//!     cargo run -p ebbtide-opentelemetry --example traces -- 127.0.0.1:8080
//! ```

use std::error::Error;
use std::process::ExitCode;

use axum::Router;
use axum::routing::get;
use ebbtide::Lifecycle;
use ebbtide_opentelemetry::OpenTelemetryExt as _;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let lifecycle = Lifecycle::new("orders");
    // Over HTTP it exports from a separate thread. An exporter over gRPC needs `ebbtide_opentelemetry::on_separate_runtime`, which
    // keeps its connection off the service's runtime: that may be blocked when the last spans are exported.
    let exporter = SpanExporter::builder().with_http().with_protocol(Protocol::HttpBinary).build()?;
    let traces = SdkTracerProvider::builder().with_batch_exporter(exporter).build();
    tracing_subscriber::registry()
        .with(LevelFilter::INFO)
        .with(tracing_subscriber::fmt::layer())
        .with(tracing_opentelemetry::layer().with_tracer(traces.tracer("orders")))
        .init();
    // Flushed last, also when the watchdog ends the process. An export that fails makes the exit code 1.
    let code = lifecycle.opentelemetry(&traces).run(async |app| {
        let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
        let routes = Router::new().route("/orders", get(orders));
        app.http("api", app.bind(address).await?, app.health_routes(routes));
        Ok(())
    });
    Ok(code)
}

#[tracing::instrument]
async fn orders() -> &'static str {
    "no orders yet"
}
