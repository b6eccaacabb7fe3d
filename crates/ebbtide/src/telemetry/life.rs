#[cfg(feature = "tracing-appender")]
use std::time::Duration;

#[cfg(feature = "tracing-appender")]
use super::Appender;
#[cfg(feature = "opentelemetry")]
use super::provider::{Provider, finish};
use crate::lifecycle::{Life, Lifecycle};
#[cfg(feature = "tracing-appender")]
use crate::runtime::BoxError;
#[cfg(feature = "tracing-appender")]
use crate::runtime::os::exit::last_word;

/// Telemetry.
impl Life {
    /// Exports what a provider of the OpenTelemetry SDK still holds, and shuts it down, last of all and on the forced path too.
    ///
    /// Register the logs first, then the metrics, then the traces: flushers run in the reverse order, so that what the
    /// export of the others has to say is still exported. Each has an equal share of the telemetry stage's minimum and what
    /// earlier ones left over ([`Lifecycle::reserve`](crate::Lifecycle::reserve)). What cannot be exported in that time is an
    /// error, told on standard error, and makes the exit code 1.
    ///
    /// An exporter whose connection lives on the service's runtime cannot export while that is blocked: build it
    /// [`apart`](crate::telemetry::apart). A second signal ends the process at once; what was exported by then has arrived.
    ///
    /// # Examples
    ///
    /// ```
    /// use opentelemetry_sdk::logs::SdkLoggerProvider;
    /// use opentelemetry_sdk::trace::SdkTracerProvider;
    ///
    /// # fn register(life: &ebbtide::Life) {
    /// let (logs, traces) = (SdkLoggerProvider::builder().build(), SdkTracerProvider::builder().build());
    /// life.opentelemetry(&logs);
    /// life.opentelemetry(&traces);
    /// # }
    /// ```
    #[cfg(feature = "opentelemetry")]
    pub fn opentelemetry<P: Provider>(&self, provider: &P) {
        let provider = provider.clone();
        self.try_on_flush(P::NAME, move |left| finish(&provider, left));
    }

    /// Waits until a non-blocking writer has written all that it holds, last of all and on the forced path too.
    ///
    /// It waits as long as the telemetry stage has time. Lines that could not be written, and those that are not written by
    /// then, are an error, told on standard error, and make the exit code 1. Lines that a lossy writer had no room for are
    /// told there as well.
    ///
    /// A `WorkerGuard` of `tracing-appender` alone can be flushed by `life.on_flush("log", move || drop(guard))`: it gives up
    /// after a second, whatever is left, and says nothing of lines that could not be written.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn register(life: &ebbtide::Life) {
    /// let (writer, log) = ebbtide::telemetry::non_blocking(std::io::stdout());
    /// tracing_subscriber::fmt().with_writer(writer).init();
    /// life.tracing_appender("log", log);
    /// # }
    /// ```
    #[cfg(feature = "tracing-appender")]
    pub fn tracing_appender(&self, name: impl Into<String>, log: Appender) {
        let name = name.into();
        self.try_on_flush(name.clone(), move |left| written(&name, &log, left));
    }
}

/// Telemetry that is set up before the lifecycle runs; see [`Lifecycle::on_flush`].
impl Lifecycle {
    /// Flushes a provider of the OpenTelemetry SDK; see [`Life::opentelemetry`].
    #[cfg(feature = "opentelemetry")]
    pub fn opentelemetry<P: Provider>(self, provider: &P) -> Self {
        let provider = provider.clone();
        self.try_on_flush(P::NAME, move |left| finish(&provider, left))
    }

    /// Flushes a non-blocking writer; see [`Life::tracing_appender`].
    #[cfg(feature = "tracing-appender")]
    pub fn tracing_appender(self, name: impl Into<String>, log: Appender) -> Self {
        let name = name.into();
        self.try_on_flush(name.clone(), move |left| written(&name, &log, left))
    }
}

#[cfg(feature = "tracing-appender")]
fn written(name: &str, log: &Appender, left: Duration) -> Result<(), BoxError> {
    let dropped = log.flush(left)?;
    if dropped > 0 {
        last_word(&format!("{name}: error: {dropped} lines were dropped: the queue was full\n"));
    }
    Ok(())
}
