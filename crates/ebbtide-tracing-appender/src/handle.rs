use std::time::Duration;

use ebbtide::adapter::write_stderr;
use ebbtide::{BoxError, Handle, Lifecycle};

use crate::Appender;

/// Registers non-blocking writers with a lifecycle. Implemented by `&Handle` and, for writers that are set up before
/// the lifecycle runs, by [`Lifecycle`].
pub trait TracingAppenderExt {
    /// The return type of the method: nothing, or the builder.
    type Registered;

    /// Registers a non-blocking writer: its queued lines are written at the end, also on the forced path.
    ///
    /// The flusher waits for as long as the telemetry stage has time. Lines that could not be written, or are not
    /// written by then, are an error, reported on standard error, and make the exit code 1. Lines that a lossy writer
    /// had no room for are reported there as well.
    ///
    /// A `WorkerGuard` of `tracing-appender` alone can be flushed by `app.on_flush("log", move || drop(guard))`. It
    /// gives up after a second, whatever is left, and does not report lines that could not be written.
    ///
    /// # Examples
    ///
    /// ```
    /// use ebbtide_tracing_appender::TracingAppenderExt as _;
    ///
    /// # fn register(app: &ebbtide::Handle) {
    /// let (writer, log) = ebbtide_tracing_appender::non_blocking(std::io::stdout());
    /// tracing_subscriber::fmt().with_writer(writer).init();
    /// app.tracing_appender("log", log);
    /// # }
    /// ```
    fn tracing_appender(self, name: impl Into<String>, log: Appender) -> Self::Registered;
}

impl TracingAppenderExt for &Handle {
    type Registered = ();

    fn tracing_appender(self, name: impl Into<String>, log: Appender) {
        let name = name.into();
        self.try_on_flush(name.clone(), move |left| written(&name, &log, left));
    }
}

impl TracingAppenderExt for Lifecycle {
    type Registered = Self;

    fn tracing_appender(self, name: impl Into<String>, log: Appender) -> Self {
        let name = name.into();
        self.try_on_flush(name.clone(), move |left| written(&name, &log, left))
    }
}

fn written(name: &str, log: &Appender, left: Duration) -> Result<(), BoxError> {
    let dropped = log.flush(left)?;
    if dropped > 0 {
        write_stderr(&format!("{name}: error: {dropped} log lines dropped: queue full\n"));
    }
    Ok(())
}
