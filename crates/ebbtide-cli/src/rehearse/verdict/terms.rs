//! What was asked of the service.

use std::net::SocketAddr;
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
    /// How the process may end.
    pub(crate) expected: Vec<Expected>,
    /// Whether readiness has to turn red.
    pub(crate) require_readiness: bool,
    /// Where readiness is asked for, and its path; `None`: it is a bare port.
    pub(crate) readiness: Option<(SocketAddr, String)>,
    /// Statuses that are no loss after the signal.
    pub(crate) allow_status: Vec<u16>,
    /// The shapes of load that were on.
    pub(crate) shapes: Vec<Shape>,
    /// Whether connections were to be held in the phases of the protocol.
    pub(crate) phases: bool,
    /// Whether it is the demo, whose stores are looked at.
    pub(crate) demo: bool,
}
