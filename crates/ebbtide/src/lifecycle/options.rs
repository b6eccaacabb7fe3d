use std::time::Duration;

use super::Handle;
use crate::model::{Kind, Spec, Stage};

impl Handle {
    /// Returns a handle whose registrations have a deadline of their own, counted from the moment they are asked to stop.
    /// The stage's deadline holds as well. With zero what is asked is cut at once: a teardown begins, and has until its abort.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use ebbtide::{Handle, Lifecycle};
    /// # fn register(app: &Handle) {
    /// app.within(Duration::from_secs(2)).resource("cache", (), |()| async { Ok(()) });
    /// # }
    /// ```
    #[must_use = "the limit holds for what is registered through the returned handle"]
    pub fn within(&self, limit: Duration) -> Self {
        let mut app = self.clone();
        app.limit = Some(limit);
        app
    }

    pub(crate) fn spec(&self, name: impl Into<String>, stage: Stage, kind: Kind) -> Spec {
        let mut spec = Spec::new(name, stage, kind);
        spec.limit = self.limit;
        spec
    }
}
