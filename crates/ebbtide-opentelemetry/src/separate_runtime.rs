use std::io;
use std::sync::{Mutex, PoisonError};

use tokio::runtime::{Builder, Handle, Runtime};

/// Leaked on purpose: it lives as long as the process, because the exporters that were built on it are used until its
/// end.
static RUNTIME: Mutex<Option<Runtime>> = Mutex::new(None);

/// Builds an exporter on a separate runtime with one thread. That runtime continues when the service's runtime is
/// blocked or has ended.
///
/// Use it for exporters whose connections are tasks of the runtime in which they are built, such as those of
/// `opentelemetry-otlp` over gRPC. An exporter that starts a thread, such as `reqwest-blocking-client`, does not need
/// it.
///
/// The runtime is created at the first call and lives as long as the process.
///
/// # Errors
///
/// Returns an error if its thread cannot be started.
///
/// # Examples
///
/// ```
/// # struct Exporter;
/// # impl Exporter { fn builder() -> Self { Self } fn build(self) -> Result<Self, std::io::Error> { Ok(self) } }
/// let exporter = ebbtide_opentelemetry::on_separate_runtime(|| Exporter::builder().build())??;
/// # let _ = exporter;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn on_separate_runtime<T>(build: impl FnOnce() -> T) -> io::Result<T> {
    let handle = handle()?;
    let _inside = handle.enter();
    Ok(build())
}

fn handle() -> io::Result<Handle> {
    let mut runtime = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(runtime) = &*runtime {
        return Ok(runtime.handle().clone());
    }
    let built = Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("ebbtide telemetry")
        .enable_all()
        .build()?;
    Ok(runtime.insert(built).handle().clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exporter_on_a_separate_runtime_continues_while_the_runtime_is_blocked() {
        let around = Builder::new_current_thread().enable_all().build().unwrap();
        let (said, heard) = std::sync::mpsc::channel();
        let here = std::thread::current().id();
        around.block_on(async {
            on_separate_runtime(|| {
                // What an exporter's connection does when it is built.
                Handle::current().spawn(async move { said.send(std::thread::current().id()) });
            })
            .unwrap();
            // Blocks the runtime around it.
            assert_ne!(heard.recv_timeout(std::time::Duration::from_secs(30)).unwrap(), here);
        });
    }
}
