use std::sync::Arc;

use tokio::sync::mpsc;

use super::books::Books;
use super::crew::Crew;
use super::{Pool, PoolOptions};
use crate::drain::{Stop, Work};
use crate::lifecycle::Life;
use crate::model::{Kind, Stage};
use crate::runtime::BoxError;

impl Life {
    /// Registers a pool of workers over a bounded in-process queue, and returns its sender.
    ///
    /// When servers and intake have stopped, the queue takes nothing new and the pool works off what it holds. What is
    /// not done when the pool's time is up is cut: the running jobs' tokens say so, and then they are dropped; the jobs
    /// still queued are dropped unrun. Both are counted in the report. In-process jobs don't outlive the process: store
    /// what must not be lost before you send it.
    ///
    /// A job's error is logged, and so is its panic; the pool goes on.
    pub fn workers<T, F, Fut>(
        &self,
        name: impl Into<String>,
        options: impl Into<PoolOptions>,
        run: F,
    ) -> Pool<T>
    where
        T: Send + 'static,
        F: Fn(T, Stop) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        let options = options.into();
        let (sender, receiver) = mpsc::channel(options.capacity);
        let books = Arc::new(Books::new());
        let spec = self.spec(name, Stage::Workers, Kind::Service);
        let crew = Crew { name: spec.name.clone(), books: Arc::clone(&books), run: Arc::new(run) };
        let work = Arc::clone(&books) as Arc<dyn Work>;
        self.spawn(spec, Some(work), move |context| crew.run(receiver, options.workers, context.stop));
        Pool::new(sender, books)
    }
}
