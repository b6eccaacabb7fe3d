//! What was asked of the service.

use std::time::Duration;

use crate::rehearse::record::Shape;
use crate::rehearse::scenario::{Expected, StopSignal};

/// What the record is judged by.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    /// The stop signal that was sent.
    pub(crate) signal: StopSignal,
    /// From the signal to SIGKILL.
    pub(crate) grace: Duration,
    /// How the process should end.
    pub(crate) expected: Expected,
    /// Whether readiness has to turn red.
    pub(crate) require_readiness: bool,
    /// The shapes of load that were on.
    pub(crate) shapes: Vec<Shape>,
    /// Whether connections were to be held in the phases of the protocol.
    pub(crate) phases: bool,
}
