//! Writes lines to a file through a non-blocking writer that takes its time, and ends the way its arguments say: how it ends,
//! the file, and what flushes it.

use std::fs::File;
use std::io::{self, Write};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use ebbtide::{LameDuck, Lifecycle};
use ebbtide_tracing_appender::TracingAppenderExt as _;
use tracing_appender::non_blocking::NonBlocking;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, filter};

use crate::setup::Arguments;

/// So many lines take the writer longer than the second that the guard of `tracing-appender` has.
const BEFORE: u32 = 400;
const EACH: Duration = Duration::from_millis(5);

pub(crate) fn run(mut arguments: Arguments) -> ExitCode {
    let mut next = || arguments.next().unwrap_or_default();
    let (path, file, flusher) = (next(), next(), next());
    let lifecycle = Lifecycle::new("logger").lame_duck(LameDuck::NONE).worker_threads(2);
    lifecycle.reserve(ebbtide::Stage::Telemetry, Duration::from_secs(3)).run(async move |app| {
        let slow = Slow(File::create(file)?);
        match flusher.as_str() {
            "appender" => {
                let (writer, log) = ebbtide_tracing_appender::non_blocking(slow);
                subscribe(writer);
                app.tracing_appender("log", log);
            }
            "guard" => {
                let (writer, guard) = tracing_appender::non_blocking(slow);
                subscribe(writer);
                app.on_flush("log", move || drop(guard));
            }
            _ => {
                let (writer, guard) = tracing_appender::non_blocking(slow);
                subscribe(writer);
                // Kept for as long as the process lives, as in a static.
                Box::leak(Box::new(guard));
            }
        }
        for n in 0..BEFORE {
            tracing::info!(target: "work", "job {n}");
        }
        app.resource("db", (), |()| async {
            tracing::info!(target: "work", "the last job");
            Ok(())
        });
        ebbtide_e2e::end(&app, &path).await
    })
}

fn subscribe(writer: NonBlocking) {
    let file = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(false);
    let said = tracing_subscriber::fmt::layer().with_writer(io::stderr).with_ansi(false);
    tracing_subscriber::registry()
        .with(file)
        .with(filter::LevelFilter::INFO)
        .with(said.with_filter(filter::filter_fn(|meta| meta.target() != "work")))
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
