use super::Life;
use crate::drain::Stop;
use crate::model::{Kind, Stage};
use crate::runtime::BoxError;

impl Life {
    /// Registers a task that runs until it is asked to stop. It is asked when servers and intake have stopped.
    ///
    /// Its end before that, an error and a panic stop the whole lifecycle.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn register(life: &ebbtide::Life) {
    /// life.task("refresh", |stop| async move {
    ///     stop.stopping().await;
    ///     Ok(())
    /// });
    /// # }
    /// ```
    pub fn task<F, Fut>(&self, name: impl Into<String>, run: F)
    where
        F: FnOnce(Stop) -> Fut,
        Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        self.spawn(self.spec(name, Stage::Workers, Kind::Service), None, |context| run(context.stop));
    }

    /// Registers a task that may end by itself. A stop waits for it like for any other; its error and its panic stop the
    /// whole lifecycle.
    pub fn once<F, Fut>(&self, name: impl Into<String>, run: F)
    where
        F: FnOnce(Stop) -> Fut,
        Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        self.spawn(self.spec(name, Stage::Workers, Kind::Finite), None, |context| run(context.stop));
    }
}
