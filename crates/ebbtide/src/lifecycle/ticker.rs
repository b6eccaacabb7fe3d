use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::Life;
use crate::model::{Kind, Stage};
use crate::runtime::BoxError;

impl Life {
    /// Registers something to do again and again, the first time one `period` from now.
    ///
    /// No run starts after the stop has begun; one that is under way finishes, or is dropped when the servers' time is up.
    /// A run that takes longer than the period skips the runs that it missed. A run's error stops the whole lifecycle,
    /// as does its panic; catch what may fail. A period of zero is taken as one millisecond.
    pub fn every<F, Fut>(&self, name: impl Into<String>, period: Duration, mut run: F)
    where
        F: FnMut() -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        let period = period.max(Duration::from_millis(1));
        self.spawn(self.spec(name, Stage::Intake, Kind::Service), None, move |context| async move {
            let mut ticks = interval(period);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
            // The first tick of an interval comes at once.
            ticks.tick().await;
            loop {
                tokio::select! {
                    biased;
                    () = context.stop.stopping() => return Ok(()),
                    _ = ticks.tick() => {}
                }
                tokio::select! {
                    biased;
                    result = run() => result?,
                    () = context.stop.cut() => return Ok(()),
                }
            }
        });
    }
}
