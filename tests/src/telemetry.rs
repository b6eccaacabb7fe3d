//! Telemetry of a service: an OTLP collector that records it, the exporters that send it, and the exits that it must survive.
#![expect(clippy::panic, reason = "a collector that does not start fails its test")]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use ebbtide::{BoxError, Handle};
use opentelemetry::metrics::MeterProvider as _;
use opentelemetry::trace::{Tracer as _, TracerProvider as _};
use opentelemetry_otlp::{LogExporter, MetricExporter, Protocol, SpanExporter, WithExportConfig as _};
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{LogsService, LogsServiceServer};
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::net::TcpListener;
use tonic::{Request, Response, Status};

/// An OTLP collector on two separate ports, gRPC and HTTP, that records what it receives.
#[derive(Debug)]
pub struct Collector {
    grpc: SocketAddr,
    http: SocketAddr,
    kept: Kept,
    _runtime: tokio::runtime::Runtime,
}

/// The received telemetry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// The names of the spans, each as often as it was received.
    pub spans: Vec<String>,
    /// The texts of the log records, each as often as it was received.
    pub lines: Vec<String>,
    /// The last value of each counter.
    pub counters: BTreeMap<String, i64>,
}

#[derive(Clone, Debug, Default)]
struct Kept(Arc<Mutex<Collected>>);

impl Collector {
    /// Starts the collector.
    ///
    /// # Panics
    ///
    /// When no port can be bound.
    pub fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.unwrap_or_else(|error| panic!("creating the runtime failed: {error}"));
        let bind =
            || runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap_or_else(|error| panic!("{error}"));
        let (grpc, http) = (bind(), bind());
        let addr = |listener: &TcpListener| listener.local_addr().unwrap_or_else(|error| panic!("{error}"));
        let (grpc_addr, http_addr) = (addr(&grpc), addr(&http));
        let kept = Kept::default();
        let services = tonic::service::Routes::new(TraceServiceServer::new(kept.clone()))
            .add_service(MetricsServiceServer::new(kept.clone()))
            .add_service(LogsServiceServer::new(kept.clone()));
        let grpc = ebbtide::http::serve(grpc, services.into_axum_router());
        let paths = Router::new()
            .route(
                "/v1/traces",
                post(async |State(kept): State<Kept>, body: Bytes| kept.decoded(&body, Kept::traces)),
            )
            .route(
                "/v1/metrics",
                post(async |State(kept): State<Kept>, body: Bytes| kept.decoded(&body, Kept::metrics)),
            )
            .route(
                "/v1/logs",
                post(async |State(kept): State<Kept>, body: Bytes| kept.decoded(&body, Kept::logs)),
            )
            .with_state(kept.clone());
        runtime.spawn(async move { grpc.await });
        runtime.spawn(async move { axum::serve(http, paths).await });
        Self { grpc: grpc_addr, http: http_addr, kept, _runtime: runtime }
    }

    /// Returns the address for exporters over gRPC.
    pub fn grpc(&self) -> String {
        format!("http://{}", self.grpc)
    }

    /// Returns the address for exporters over HTTP, without the path.
    pub fn http(&self) -> String {
        format!("http://{}", self.http)
    }

    /// Returns the telemetry received so far.
    pub fn collected(&self) -> Collected {
        self.kept.lock().clone()
    }
}

impl Kept {
    fn lock(&self) -> MutexGuard<'_, Collected> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn decoded<T: prost::Message + Default>(&self, body: &[u8], keep: fn(&Self, T)) -> StatusCode {
        match T::decode(body) {
            Ok(request) => {
                keep(self, request);
                StatusCode::OK
            }
            Err(_) => StatusCode::BAD_REQUEST,
        }
    }

    fn traces(&self, request: ExportTraceServiceRequest) {
        let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
        self.lock().spans.extend(scopes.flat_map(|scope| scope.spans).map(|span| span.name));
    }

    fn logs(&self, request: ExportLogsServiceRequest) {
        let scopes = request.resource_logs.into_iter().flat_map(|resource| resource.scope_logs);
        let texts =
            scopes.flat_map(|scope| scope.log_records).filter_map(|record| match record.body?.value? {
                Value::StringValue(text) => Some(text),
                _ => None,
            });
        self.lock().lines.extend(texts);
    }

    fn metrics(&self, request: ExportMetricsServiceRequest) {
        let scopes = request.resource_metrics.into_iter().flat_map(|resource| resource.scope_metrics);
        for metric in scopes.flat_map(|scope| scope.metrics) {
            let Some(Data::Sum(sum)) = metric.data else { continue };
            for point in sum.data_points {
                if let Some(Number::AsInt(value)) = point.value {
                    self.lock().counters.insert(metric.name.clone(), value);
                }
            }
        }
    }
}

#[tonic::async_trait]
impl TraceService for Kept {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.traces(request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Kept {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        self.metrics(request.into_inner());
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl LogsService for Kept {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        self.logs(request.into_inner());
        Ok(Response::new(ExportLogsServiceResponse::default()))
    }
}

/// The providers of the service `exporter` for spans, counts and log lines: those of the SDK, with OTLP exporters.
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
    /// Creates exporters over gRPC, whose connections run on the present runtime.
    ///
    /// # Errors
    ///
    /// When an exporter cannot be created.
    pub fn over_grpc(endpoint: &str) -> Result<Self, BoxError> {
        Ok(Self::of(
            SpanExporter::builder().with_tonic().with_endpoint(endpoint).build()?,
            MetricExporter::builder().with_tonic().with_endpoint(endpoint).build()?,
            LogExporter::builder().with_tonic().with_endpoint(endpoint).build()?,
        ))
    }

    /// Creates exporters over HTTP, on separate threads.
    ///
    /// # Errors
    ///
    /// When an exporter cannot be created.
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

/// Makes a lifecycle end in the named way, with or without a stop signal.
///
/// # Errors
///
/// If the start-up itself is to fail, and for an unknown name.
pub async fn end(app: &Handle, name: &str) -> Result<(), BoxError> {
    match name {
        "signal" => {}
        "stubborn" => app.task("stubborn", |_| std::future::pending()),
        "failing" => app.task("failing", |_| async { Err("the task gave up".into()) }),
        "failing-start" => return Err("no database".into()),
        // The threads sleep, because concurrent tests need the processor.
        "blocked" => {
            for _ in 0..4 {
                app.task("blocker", |stop| async move {
                    stop.stopping().await;
                    loop {
                        std::thread::park();
                    }
                });
            }
        }
        "hanging" => app.on_stop("hanging", |_| async {
            tokio::time::sleep(Duration::MAX).await;
            Ok(())
        }),
        other => return Err(format!("unknown end `{other}`").into()),
    }
    Ok(())
}
