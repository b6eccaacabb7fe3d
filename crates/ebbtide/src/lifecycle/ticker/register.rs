use std::panic::Location;
use std::sync::Arc;

use super::every::Every;
use super::run::Ticker;
use crate::drain::Work;
use crate::lifecycle::Handle;
use crate::lifecycle::books::Books;
use crate::model::{Kind, Stage};
use crate::runtime::BoxError;

impl Handle {
    /// Registers something to do again and again: at a fixed rate where a plain `Duration` is given, the first time one period
    /// from now; [`Every`] says what else there is.
    ///
    /// No run starts after the stop has begun; one that is under way finishes, or is dropped when the servers' time is up, and
    /// the report counts it as cut. A run's error stops the whole lifecycle, as does its panic, unless
    /// [`on_error`](Every::on_error) says otherwise. Runs never overlap.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// # fn register(app: &ebbtide::Handle) {
    /// app.every("reaper", Duration::from_secs(60), || async { Ok(()) });
    /// # }
    /// ```
    #[track_caller]
    pub fn every<F, Fut>(&self, name: impl Into<String>, every: impl Into<Every>, run: F)
    where
        F: FnMut() -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        let (spec, books) = (self.spec(name, Stage::Intake, Kind::Service), Arc::new(Books::new()));
        let ticker = Ticker {
            name: spec.name.clone(),
            created: Location::caller(),
            every: every.into(),
            books: Arc::clone(&books),
        };
        self.spawn(spec, Some(books as Arc<dyn Work>), move |context| ticker.run(run, context.stop));
    }
}
