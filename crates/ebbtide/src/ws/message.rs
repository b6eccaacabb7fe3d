/// What the helper must know of a message: how a close frame is made, and which is one.
///
/// Implemented for `axum::extract::ws::Message` (feature `axum-ws`) and `tokio_tungstenite::tungstenite::Message`
/// (feature `tungstenite`). Implement it for your own.
pub trait Message: Sized {
    /// Makes a close frame. The reason has at most 123 bytes (RFC 6455 §5.5).
    fn close(code: u16, reason: &str) -> Self;

    /// Tells whether this is a close frame.
    fn is_close(&self) -> bool;
}

#[cfg(feature = "axum-ws")]
impl Message for axum::extract::ws::Message {
    fn close(code: u16, reason: &str) -> Self {
        Self::Close(Some(axum::extract::ws::CloseFrame { code, reason: reason.into() }))
    }

    fn is_close(&self) -> bool {
        matches!(self, Self::Close(_))
    }
}

#[cfg(feature = "tungstenite")]
impl Message for tungstenite::Message {
    fn close(code: u16, reason: &str) -> Self {
        Self::Close(Some(tungstenite::protocol::CloseFrame { code: code.into(), reason: reason.into() }))
    }

    fn is_close(&self) -> bool {
        Self::is_close(self)
    }
}

/// Says to the peer why the connection is closed (RFC 6455 §7.4 and the IANA registry).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseCode {
    /// 1001: this server is going away; another may be there already.
    #[default]
    GoingAway,
    /// 1012: the service restarts. Clients that know the code come back after a while, chosen at random.
    ServiceRestart,
    /// Another code that the application and its clients agree on, from 3000 to 4999.
    Other(u16),
}

impl CloseCode {
    /// Returns the number that stands in the frame.
    pub fn number(self) -> u16 {
        match self {
            Self::GoingAway => 1001,
            Self::ServiceRestart => 1012,
            Self::Other(code) => code,
        }
    }
}
