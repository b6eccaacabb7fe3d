use clap::ValueEnum;

use crate::client::Shape;

/// One column of the tables: what a server is stopped in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum)]
pub enum Column {
    /// 64 clients that open a connection for each request.
    Storm64,
    /// 256 of them.
    Storm256,
    /// 200 clients that keep their connection, with 0 to 20 ms between two requests.
    KeepAlive,
    /// 20 HTTP/2 connections with 10 requests in flight each.
    Http2,
    /// Nothing is connected.
    Idle,
    /// Connections that have sent nothing.
    Silent,
    /// Connections that are kept after one request.
    Kept,
}

impl Column {
    /// Those in which requests may be lost.
    pub const LOADED: [Self; 4] = [Self::Storm64, Self::Storm256, Self::KeepAlive, Self::Http2];

    /// Those in which time and memory are measured.
    pub const QUIET: [Self; 3] = [Self::Idle, Self::Silent, Self::Kept];

    /// The head of the column.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Storm64 => "storm of 64",
            Self::Storm256 => "storm of 256",
            Self::KeepAlive => "keep-alive 200",
            Self::Http2 => "HTTP/2 20x10",
            Self::Idle => "idle",
            Self::Silent => "silent",
            Self::Kept => "kept",
        }
    }

    /// What the clients do, and how many there are.
    pub const fn load(self) -> Option<(Shape, u32)> {
        match self {
            Self::Storm64 => Some((Shape::Storm, 64)),
            Self::Storm256 => Some((Shape::Storm, 256)),
            Self::KeepAlive => Some((Shape::KeepAlive, 200)),
            Self::Http2 => Some((Shape::Http2, 20)),
            Self::Idle | Self::Silent | Self::Kept => None,
        }
    }
}
