use clap::ValueEnum;

/// How a request reaches the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum)]
pub enum Column {
    /// Connections that are kept, one request at a time on each.
    KeepAlive,
    /// A connection for each request.
    Connect,
    /// HTTP/2, ten requests at a time on each connection.
    Http2,
}

impl Column {
    /// All, in the order in which they are printed.
    pub const ALL: [Self; 3] = [Self::KeepAlive, Self::Connect, Self::Http2];

    /// The name in the tables.
    pub const fn title(self) -> &'static str {
        match self {
            Self::KeepAlive => "HTTP/1 keep-alive",
            Self::Connect => "a connection each",
            Self::Http2 => "HTTP/2",
        }
    }
}
