use super::Life;
use crate::drain::Stop;
use crate::model::{Kind, Stage};
use crate::runtime::BoxError;

impl Life {
    /// Registers something to do when the stop begins, beside the lame duck: leave service discovery, drop a lease.
    ///
    /// All hooks run at once. One that is not done when the servers' time is up is cut; the token tells it when.
    pub fn on_stop<F, Fut>(&self, name: impl Into<String>, hook: F)
    where
        F: FnOnce(Stop) -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        self.teardown(self.spec(name, Stage::Intake, Kind::Teardown), hook);
    }
}
