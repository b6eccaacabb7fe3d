//! What was asked of the service.

use std::net::SocketAddr;
use std::time::Duration;

use crate::record::Shape;
use crate::scenario::{Expected, StopSignal};

/// What the record is judged by.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    /// The stop signal that was sent.
    pub signal: StopSignal,
    /// From the signal to SIGKILL.
    pub grace: Duration,
    /// How the process may end.
    pub expected: Vec<Expected>,
    /// Whether readiness has to turn red.
    pub require_readiness: bool,
    /// Where readiness is asked for, and its path; `None`: it is a bare port.
    pub readiness: Option<(SocketAddr, String)>,
    /// Statuses that are no loss after the signal.
    pub allow_status: Vec<u16>,
    /// The shapes of load that were on.
    pub shapes: Vec<Shape>,
    /// Whether connections were to be held in the phases of the protocol.
    pub phases: bool,
    /// Whether it is a managed service, whose store is looked at.
    pub store: bool,
}
