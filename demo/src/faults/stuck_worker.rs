use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A place in a job where the first one that comes by stays for ever, if that was asked for.
#[derive(Clone, Debug)]
pub(crate) struct StuckWorker {
    next_one: Arc<AtomicBool>,
}

impl StuckWorker {
    pub(super) fn new(wanted: bool) -> Self {
        Self { next_one: Arc::new(AtomicBool::new(wanted)) }
    }

    pub(crate) async fn wait(&self) {
        if self.next_one.load(Ordering::Relaxed) && self.next_one.swap(false, Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    }
}
