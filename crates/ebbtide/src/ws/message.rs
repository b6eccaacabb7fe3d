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
