/// A WebSocket message: creates and recognises close frames.
///
/// Implemented for `axum::extract::ws::Message` (feature `axum-ws`) and `tokio_tungstenite::tungstenite::Message`
/// (feature `tungstenite`). Implement it for the message type of any other library.
pub trait Message: Sized {
    /// Creates a close frame. The reason has at most 123 bytes (RFC 6455 §5.5).
    fn close(code: u16, reason: &str) -> Self;

    /// Returns whether this is a close frame.
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

/// The status code of a close frame (RFC 6455 §7.4 and the IANA registry).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseCode {
    /// 1001, going away: this server is shutting down. Another one may be available already.
    #[default]
    GoingAway,
    /// 1012, service restart. Clients that support the code reconnect after a random delay.
    ServiceRestart,
    /// Another code, from 3000 to 4999, that the application and its clients agree on.
    Other(u16),
}

impl CloseCode {
    /// Returns the number that the frame carries.
    pub fn number(self) -> u16 {
        match self {
            Self::GoingAway => 1001,
            Self::ServiceRestart => 1012,
            Self::Other(code) => code,
        }
    }
}
