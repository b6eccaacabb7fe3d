//! The telemetry of the service `exporter`: the SDK's three providers with OTLP exporters.

use ebbtide::BoxError;
use opentelemetry::metrics::MeterProvider as _;
use opentelemetry::trace::{Tracer as _, TracerProvider as _};
use opentelemetry_otlp::{LogExporter, MetricExporter, Protocol, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;

/// What spans, counts and log lines go through.
#[derive(Clone, Debug)]
pub struct Exporters {
    /// For spans.
    pub traces: SdkTracerProvider,
    /// For counts.
    pub metrics: SdkMeterProvider,
    /// For log lines.
    pub logs: SdkLoggerProvider,
}

impl Exporters {
    /// Makes exporters that speak gRPC, over connections that live on the present runtime.
    ///
    /// # Errors
    ///
    /// When one cannot be made.
    pub fn over_grpc(endpoint: &str) -> Result<Self, BoxError> {
        Ok(Self::of(
            SpanExporter::builder().with_tonic().with_endpoint(endpoint).build()?,
            MetricExporter::builder().with_tonic().with_endpoint(endpoint).build()?,
            LogExporter::builder().with_tonic().with_endpoint(endpoint).build()?,
        ))
    }

    /// Makes exporters that speak HTTP, on threads of their own.
    ///
    /// # Errors
    ///
    /// When one cannot be made.
    pub fn over_http(endpoint: &str) -> Result<Self, BoxError> {
        let (binary, at) = (Protocol::HttpBinary, |path: &str| format!("{endpoint}/v1/{path}"));
        Ok(Self::of(
            SpanExporter::builder().with_http().with_protocol(binary).with_endpoint(at("traces")).build()?,
            MetricExporter::builder()
                .with_http()
                .with_protocol(binary)
                .with_endpoint(at("metrics"))
                .build()?,
            LogExporter::builder().with_http().with_protocol(binary).with_endpoint(at("logs")).build()?,
        ))
    }

    fn of(spans: SpanExporter, metrics: MetricExporter, lines: LogExporter) -> Self {
        Self {
            traces: SdkTracerProvider::builder().with_batch_exporter(spans).build(),
            metrics: SdkMeterProvider::builder().with_periodic_exporter(metrics).build(),
            logs: SdkLoggerProvider::builder().with_batch_exporter(lines).build(),
        }
    }

    /// Emits a span, a log line and a count.
    pub fn work(&self, name: &str) {
        drop(self.traces.tracer("work").start(name.to_owned()));
        tracing::info!(target: "work", "{name}");
        self.metrics.meter("work").u64_counter("jobs").build().add(1, &[]);
    }
}
