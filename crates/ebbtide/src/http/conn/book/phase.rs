use std::time::Instant;

use crate::http::conn::Opening;

/// What the connection does while no request is in flight on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The peer has sent nothing yet.
    Silent,
    /// What comes before HTTP has begun, and is not through.
    Opening { what: Opening, began: Instant },
    /// Part of a request's head has come.
    HalfHead { began: Instant },
    /// Part of a TLS record has come, behind everything that was read.
    HalfRecord,
    /// The last response is out, and nothing has come since.
    Idle,
    /// Our side is closed; what the peer still sends is thrown away.
    Lingering,
    /// The socket was handed over to another protocol.
    Upgraded,
}

impl Phase {
    /// Tells whether part of something has come that the peer is not through with.
    pub(super) fn is_half(self) -> bool {
        matches!(self, Self::HalfHead { .. } | Self::HalfRecord | Self::Opening { .. })
    }
}
