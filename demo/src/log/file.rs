use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ebbtide::BoxError;

/// A log file behind a buffer: what is still in the buffer when the process ends is lost, unless somebody flushes it.
///
/// Cheap to clone; all clones write to the same file.
#[derive(Clone, Debug)]
pub(crate) struct LogFile {
    writer: Arc<Mutex<BufWriter<File>>>,
}

/// The file cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("failed to open the log {}: {cause}", path.display())]
pub(crate) struct LogFileError {
    path: PathBuf,
    cause: io::Error,
}

const BUFFER: usize = 64 * 1024;

impl LogFile {
    /// Opens the file to append to it, and makes it if it is missing.
    pub(crate) fn create(path: &Path) -> Result<Self, LogFileError> {
        let file = File::options().create(true).append(true).open(path);
        let file = file.map_err(|cause| LogFileError { path: path.to_owned(), cause })?;
        Ok(Self { writer: Arc::new(Mutex::new(BufWriter::with_capacity(BUFFER, file))) })
    }

    /// Returns what flushes the file at the very end.
    pub(crate) fn flusher(&self) -> impl FnOnce() + Send + use<> {
        let mut log = self.clone();
        move || {
            if let Err(error) = log.flush() {
                let _ = writeln!(io::stderr(), "orders: error: failed to flush demo.log: {error}");
            }
        }
    }

    /// Returns what flushes the file now and then, so that one can read along.
    pub(crate) fn flush_now(
        &self,
    ) -> impl FnMut() -> std::future::Ready<Result<(), BoxError>> + Send + use<> {
        let mut log = self.clone();
        move || {
            if let Err(error) = log.flush() {
                // A full disk is no reason to stop taking orders.
                tracing::warn!(%error, "failed to flush demo.log");
            }
            std::future::ready(Ok(()))
        }
    }

    fn lock(&self) -> MutexGuard<'_, BufWriter<File>> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lock().write(bytes)
    }

    /// Writes the line in one piece: another thread's may not come between.
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.lock().write_all(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.lock().flush()
    }
}
