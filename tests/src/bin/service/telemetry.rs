//! Services whose telemetry must survive their exit: exporters, and a log file.

use std::fs::File;
use std::io::{self, Write};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use ebbtide::{BoxError, LameDuck, Lifecycle, Stage};
use ebbtide_opentelemetry::OpenTelemetryExt as _;
use ebbtide_tests::Exporters;
use ebbtide_tracing_appender::TracingAppenderExt as _;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use tracing::Metadata;
use tracing_appender::non_blocking::NonBlocking;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::Arguments;

/// Fewer than a batch, so that none is sent without a flush.
const WORK_BEFORE: u32 = 300;

/// Emits spans, log lines and counts, and ends. Arguments: how it ends, the protocol, the address of the collector, and whether it flushes.
pub(crate) fn exporter(mut arguments: Arguments) -> ExitCode {
    let mut next = || arguments.next().unwrap_or_default();
    let (path, how, endpoint, flushes) = (next(), next(), next(), next() != "unflushed");
    let lifecycle = Lifecycle::new("exporter").lame_duck(LameDuck::NONE).worker_threads(2);
    // An export takes long on a machine whose cores are all busy.
    let lifecycle = lifecycle.reserve(Stage::Telemetry, Duration::from_millis(1500));
    if path == "not-started" {
        return not_started(lifecycle, &endpoint, flushes);
    }
    lifecycle.run(async move |app| {
        let exporters = exporters(&how, &endpoint)?;
        subscribe_to_exporters(&exporters);
        if flushes {
            app.opentelemetry(&exporters.logs);
            app.opentelemetry(&exporters.metrics);
            app.opentelemetry(&exporters.traces);
        }
        for n in 0..WORK_BEFORE {
            exporters.work(&format!("job {n}"));
        }
        let late = exporters.clone();
        app.resource("db", (), move |()| async move {
            late.work("the last job");
            Ok(())
        });
        ebbtide_tests::end(&app, &path).await
    })
}

/// Sets up telemetry before the lifecycle runs, whose start then fails.
fn not_started(lifecycle: Lifecycle, endpoint: &str, flushes: bool) -> ExitCode {
    let Ok(exporters) = Exporters::over_http(endpoint) else { return ExitCode::from(99) };
    subscribe_to_exporters(&exporters);
    for n in 0..WORK_BEFORE {
        exporters.work(&format!("job {n}"));
    }
    let lifecycle = if flushes {
        lifecycle
            .opentelemetry(&exporters.logs)
            .opentelemetry(&exporters.metrics)
            .opentelemetry(&exporters.traces)
    } else {
        lifecycle
    };
    lifecycle.run(async |_| Ok(()))
}

/// Excludes the log lines of the exporters, which would otherwise be exported in turn.
fn subscribe_to_exporters(exporters: &Exporters) {
    let said = tracing_subscriber::fmt::layer().with_writer(io::stderr).with_ansi(false);
    let ours = |meta: &Metadata<'_>| meta.target().starts_with("ebbtide");
    let tracer = exporters.traces.tracer("ebbtide");
    tracing_subscriber::registry()
        .with(said.with_filter(filter_fn(ours)))
        .with(
            OpenTelemetryTracingBridge::new(&exporters.logs).with_filter(filter_fn(move |meta| {
                meta.is_event() && (ours(meta) || meta.target() == "work")
            })),
        )
        .with(
            tracing_opentelemetry::layer()
                .with_tracer(tracer)
                .with_filter(filter_fn(move |meta| meta.is_span() && ours(meta))),
        )
        .init();
    // As programs do: they are never dropped, so nothing is exported by their drop.
    opentelemetry::global::set_tracer_provider(exporters.traces.clone());
    opentelemetry::global::set_meter_provider(exporters.metrics.clone());
}

fn exporters(how: &str, endpoint: &str) -> Result<Exporters, BoxError> {
    match how {
        "grpc" => Exporters::over_grpc(endpoint),
        "grpc-apart" => ebbtide_opentelemetry::on_separate_runtime(|| Exporters::over_grpc(endpoint))?,
        "http" => Exporters::over_http(endpoint),
        other => Err(format!("no such way to export: {other}").into()),
    }
}

/// The writer needs longer for this many lines than the second for which the guard of `tracing-appender` waits.
const LINES_BEFORE: u32 = 400;
const EACH: Duration = Duration::from_millis(5);

/// Writes lines to a file through a slow non-blocking writer, and ends. Arguments: how it ends, the file, and what flushes it.
pub(crate) fn logger(mut arguments: Arguments) -> ExitCode {
    let mut next = || arguments.next().unwrap_or_default();
    let (path, file, flusher) = (next(), next(), next());
    let lifecycle = Lifecycle::new("logger").lame_duck(LameDuck::NONE).worker_threads(2);
    lifecycle.reserve(Stage::Telemetry, Duration::from_secs(3)).run(async move |app| {
        let slow = Slow(File::create(file)?);
        match flusher.as_str() {
            "appender" => {
                let (writer, log) = ebbtide_tracing_appender::non_blocking(slow);
                subscribe_to_file(writer);
                app.tracing_appender("log", log);
            }
            "guard" => {
                let (writer, guard) = tracing_appender::non_blocking(slow);
                subscribe_to_file(writer);
                app.on_flush("log", move || drop(guard));
            }
            _ => {
                let (writer, guard) = tracing_appender::non_blocking(slow);
                subscribe_to_file(writer);
                // Kept until the process exits, as in a static.
                Box::leak(Box::new(guard));
            }
        }
        for n in 0..LINES_BEFORE {
            tracing::info!(target: "work", "job {n}");
        }
        app.resource("db", (), |()| async {
            tracing::info!(target: "work", "the last job");
            Ok(())
        });
        ebbtide_tests::end(&app, &path).await
    })
}

fn subscribe_to_file(writer: NonBlocking) {
    let file = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(false);
    let said = tracing_subscriber::fmt::layer().with_writer(io::stderr).with_ansi(false);
    tracing_subscriber::registry()
        .with(file)
        .with(LevelFilter::INFO)
        .with(said.with_filter(filter_fn(|meta| meta.target() != "work")))
        .init();
}

struct Slow(File);

impl Write for Slow {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        thread::sleep(EACH);
        self.0.write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
