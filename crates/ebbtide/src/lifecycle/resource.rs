use super::Life;
use crate::drain::StopSource;
use crate::model::{Kind, Stage};
use crate::runtime::{BoxError, FlushSlot, Registration, Run, clock};
use std::sync::Arc;

impl Life {
    /// Registers something that is closed when everything that uses it has stopped, and returns it.
    ///
    /// Resources are closed one at a time, in the reverse of the order in which they were registered, each with a
    /// deadline: a close that hangs is reported by name and doesn't take the others' time.
    ///
    /// `close` runs as a task; its panic and its error make the exit code 1.
    pub fn resource<T, F, Fut>(&self, name: impl Into<String>, value: T, close: F) -> T
    where
        T: Clone + Send + 'static,
        F: FnOnce(T) -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        let held = value.clone();
        self.teardown(self.spec(name, Stage::Resources, Kind::Teardown), move |_| close(held));
        value
    }

    /// Registers something that is flushed last, on the forced path too: a log writer's guard, a trace exporter.
    ///
    /// It is a plain closure, run once on a thread of its own, so that a blocked runtime doesn't keep it from running and
    /// a flush that deadlocks doesn't keep the process. Flushers run one at a time, the last registered first; on the
    /// forced path all at once.
    pub fn on_flush(&self, name: impl Into<String>, flush: impl FnOnce() + Send + 'static) {
        let spec = self.spec(name, Stage::Telemetry, Kind::Teardown);
        let slot = FlushSlot::new(spec.name.clone(), Box::new(flush));
        let source = StopSource::new(clock::now);
        self.register(Registration { spec, source, run: Run::Flush(Arc::new(slot)), work: None });
    }
}
