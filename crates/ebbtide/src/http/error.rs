use std::io;

/// Says why a server could not serve.
///
/// A failed `accept` is not among the reasons: the server waits and tries again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The listener could not be registered with the runtime.
    #[error("use the listener: run the server on a tokio runtime with I/O enabled")]
    Listener(#[source] io::Error),
    /// There was nothing to serve.
    #[error(
        "serve: no listener was given; bind one, or start the service with sockets if it takes inherited ones"
    )]
    NoListener,
}
