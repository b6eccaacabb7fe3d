use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use ebbtide::BoxError;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;

/// A provider of the OpenTelemetry SDK: `SdkTracerProvider`, `SdkMeterProvider` or `SdkLoggerProvider`.
pub trait Provider: sealed::Flush + Clone + Send + 'static {}

impl Provider for SdkTracerProvider {}
impl Provider for SdkMeterProvider {}
impl Provider for SdkLoggerProvider {}

/// Exports the remaining data and shuts the provider down, within `limit`.
///
/// The flush comes first because a shutdown of the SDK does not report a failed last export. Both have a timeout here
/// because the SDK's limits are fixed or not respected.
pub(super) fn finish<P: Provider>(provider: &P, limit: Duration) -> Result<(), BoxError> {
    let provider = provider.clone();
    let (done, ended) = mpsc::channel();
    let finish = move || {
        let flushed = provider.flush();
        let shut_down = provider.shut_down(limit);
        let _ = done.send(ignore_already_shut_down(flushed).and(ignore_already_shut_down(shut_down)));
    };
    thread::Builder::new().name(P::NAME.to_owned()).spawn(finish)?;
    match ended.recv_timeout(limit) {
        Ok(result) => Ok(result?),
        Err(_) => Err(OTelSdkError::Timeout(limit).into()),
    }
}

/// A provider that was shut down before has already exported its data.
fn ignore_already_shut_down(result: OTelSdkResult) -> OTelSdkResult {
    match result {
        Err(OTelSdkError::AlreadyShutdown) => Ok(()),
        result => result,
    }
}

pub(super) mod sealed {
    use super::{Duration, OTelSdkResult, SdkLoggerProvider, SdkMeterProvider, SdkTracerProvider};

    pub trait Flush {
        /// The flusher's name.
        const NAME: &str;

        fn flush(&self) -> OTelSdkResult;
        fn shut_down(&self, limit: Duration) -> OTelSdkResult;
    }

    macro_rules! flush {
        ($provider:ty, $name:literal) => {
            impl Flush for $provider {
                const NAME: &str = $name;

                fn flush(&self) -> OTelSdkResult {
                    self.force_flush()
                }

                fn shut_down(&self, limit: Duration) -> OTelSdkResult {
                    self.shutdown_with_timeout(limit)
                }
            }
        };
    }

    flush!(SdkTracerProvider, "opentelemetry traces");
    flush!(SdkMeterProvider, "opentelemetry metrics");
    flush!(SdkLoggerProvider, "opentelemetry logs");
}
