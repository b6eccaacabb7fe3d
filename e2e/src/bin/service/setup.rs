//! What most of the services begin with.

use std::io;

use tokio::signal::unix::{SignalKind, signal};

/// The arguments of a service, without the program and the service's name.
pub(crate) type Arguments = std::vec::IntoIter<String>;

/// Logs to standard error, as plain text.
pub(crate) fn log_to_stderr() {
    tracing_subscriber::fmt().with_writer(io::stderr).with_ansi(false).init();
}

/// Takes SIGTERM from now on, and returns a future that waits for the first one.
///
/// # Errors
///
/// When the handler cannot be installed.
pub(crate) fn sigterm() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        terminate.recv().await;
    })
}
