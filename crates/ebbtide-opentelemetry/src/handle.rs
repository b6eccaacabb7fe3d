use ebbtide::{Handle, Lifecycle};

use crate::provider::{Provider, finish};

/// Registers providers of the OpenTelemetry SDK with a lifecycle. Implemented by `&Handle` and, for providers that
/// are set up before the lifecycle runs, by [`Lifecycle`].
pub trait OpenTelemetryExt {
    /// The return type of the method: nothing, or the builder.
    type Registered;

    /// Registers a provider of the OpenTelemetry SDK. Its remaining data is exported and the provider shut down at
    /// the end, also on the forced path.
    ///
    /// Register the logs first, then the metrics, then the traces. Flushers run in the reverse order, so that logs
    /// about the other exports are still exported. Each flusher has an equal share of the telemetry stage's minimum
    /// and the time that earlier ones left over ([`Lifecycle::reserve`]). Data that cannot be exported in that time
    /// is an error, reported on standard error, and makes the exit code 1.
    ///
    /// An exporter whose connection lives on the service's runtime cannot export while that is blocked: build it
    /// [`on_separate_runtime`](crate::on_separate_runtime). A second signal ends the process at once; data that was exported by then has arrived.
    ///
    /// # Examples
    ///
    /// ```
    /// use ebbtide_opentelemetry::OpenTelemetryExt as _;
    /// use opentelemetry_sdk::logs::SdkLoggerProvider;
    /// use opentelemetry_sdk::trace::SdkTracerProvider;
    ///
    /// # fn register(app: &ebbtide::Handle) {
    /// let (logs, traces) = (SdkLoggerProvider::builder().build(), SdkTracerProvider::builder().build());
    /// app.opentelemetry(&logs);
    /// app.opentelemetry(&traces);
    /// # }
    /// ```
    fn opentelemetry<P: Provider>(self, provider: &P) -> Self::Registered;
}

impl OpenTelemetryExt for &Handle {
    type Registered = ();

    fn opentelemetry<P: Provider>(self, provider: &P) {
        let provider = provider.clone();
        self.try_on_flush(P::NAME, move |left| finish(&provider, left));
    }
}

impl OpenTelemetryExt for Lifecycle {
    type Registered = Self;

    fn opentelemetry<P: Provider>(self, provider: &P) -> Self {
        let provider = provider.clone();
        self.try_on_flush(P::NAME, move |left| finish(&provider, left))
    }
}
