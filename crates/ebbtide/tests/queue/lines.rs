//! Captures the log, line by line.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("not poisoned").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Lines {
    /// Returns the lines that `run` logs on this thread.
    pub(crate) fn of(run: impl FnOnce()) -> Vec<String> {
        let (lines, subscriber) = Self::subscriber();
        tracing::subscriber::with_default(subscriber, run);
        lines.said()
    }

    /// Returns the captured lines, and the subscriber that captures them.
    pub(crate) fn subscriber() -> (Self, impl tracing::Subscriber + Send + Sync) {
        let lines = Self::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).with_ansi(false);
        (lines, subscriber.finish())
    }

    pub(crate) fn said(&self) -> Vec<String> {
        let text = self.0.lock().expect("not poisoned").clone();
        String::from_utf8(text).expect("text").lines().map(str::to_owned).collect()
    }
}
