use std::time::Duration;

use super::Command;
use crate::input::Place;

/// What runs before the stop signal is sent. Its time is part of the grace period.
#[derive(Clone, Debug)]
pub(crate) struct PreStop {
    pub(crate) action: PreStopAction,
    /// How long it takes at least, and where that is written. Nothing is known of a request or of another program.
    pub(crate) least: Option<(Duration, Place)>,
    pub(crate) place: Place,
}

#[derive(Clone, Debug)]
pub(crate) enum PreStopAction {
    /// Kubernetes' own sleep.
    Sleep,
    Exec(Command),
    /// A request or a connection.
    Network,
}

impl PreStop {
    /// Returns how it is named in a sum.
    pub(crate) fn label(&self) -> &'static str {
        match self.action {
            PreStopAction::Sleep | PreStopAction::Exec(_) => "preStop sleep",
            PreStopAction::Network => "preStop request",
        }
    }
}
