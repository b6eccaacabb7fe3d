/// How far the closing handshake of a socket is (RFC 6455 §7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Messages go both ways.
    Open,
    /// Our close frame is to be handed to the socket as soon as it takes one.
    ToSend,
    /// Our close frame is in the socket's buffer.
    Sending,
    /// Our close frame is out; what comes is what the peer sent before it saw it.
    Sent,
    /// The handshake is somebody else's: the peer began it, or the handler.
    NotOurs,
    /// Both have closed, or the socket is broken.
    Over,
}

impl State {
    /// Tells whether we have closed, so that the protocol allows no further data (RFC 6455 §5.5.1).
    pub(super) fn is_closed_by_us(self) -> bool {
        matches!(self, Self::Sending | Self::Sent | Self::Over)
    }
}
