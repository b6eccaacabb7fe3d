use std::time::Instant;

/// What is known of a connection that carries many requests at a time.
#[derive(Debug, Default)]
pub(super) struct Streams {
    /// When the peer was asked to end.
    pub(super) asked: Option<Instant>,
    /// The peer has sent something since, and an answer to the question must have been among it.
    pub(super) heard: bool,
    /// How many requests wait for more of their bodies, which the peer may send.
    pub(super) uploading: usize,
    /// When the peer last sent anything for a request, noted from the stop signal on.
    pub(super) progress: Option<Instant>,
}
