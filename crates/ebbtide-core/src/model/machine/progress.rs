use std::time::Duration;

use crate::model::{ComponentId, Stage};

/// Tells who is still waited for, for the progress line and the watchdog's last words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The component.
    pub id: ComponentId,
    /// Its name.
    pub name: String,
    /// Its stage.
    pub stage: Stage,
    /// Whether it was asked to stop already.
    pub asked: bool,
    /// When it is given up, once it was asked.
    pub give_up: Option<Duration>,
}
