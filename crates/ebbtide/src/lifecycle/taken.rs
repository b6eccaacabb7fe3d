use crate::runtime::Watchdog;

/// The signals that a lifecycle has taken: a lifecycle that is dropped, or cannot be run, gives them back.
#[derive(Debug)]
pub(crate) struct Taken(Option<Watchdog>);

impl Taken {
    pub(super) fn new(watchdog: Watchdog) -> Self {
        Self(Some(watchdog))
    }

    pub(crate) fn watchdog(&self) -> Option<&Watchdog> {
        self.0.as_ref()
    }

    /// Keeps them for a lifecycle that runs.
    pub(super) fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if let Some(watchdog) = &self.0 {
            watchdog.disarm();
        }
    }
}
