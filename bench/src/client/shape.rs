/// What one client does, over and over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A new connection for each request.
    Storm,
    /// A connection that is kept, and 0 to 20 ms of think time between two requests.
    KeepAlive,
    /// A kept connection with requests that are answered after 0 to 200 ms.
    Slow,
    /// A kept connection with bodies that are sent in pieces.
    Upload,
    /// An HTTP/2 connection with ten requests in flight.
    Http2,
}

impl Shape {
    /// The name in the tables.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Storm => "new connections",
            Self::KeepAlive => "kept connections",
            Self::Slow => "slow requests",
            Self::Upload => "uploads in pieces",
            Self::Http2 => "HTTP/2",
        }
    }
}
