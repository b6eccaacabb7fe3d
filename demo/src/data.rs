use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ebbtide::Handle;
use tempfile::TempDir;

/// The folder that holds the database and the log.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    /// Removes the folder when it is dropped.
    temporary: Option<TempDir>,
}

/// The folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("failed to use the data folder {}: {cause}; give another one with --data DIR", path.display())]
pub(crate) struct DataError {
    path: PathBuf,
    cause: io::Error,
}

impl DataDir {
    /// Opens the folder, and makes it if it is missing; without a path, makes a temporary one.
    pub(crate) fn open(path: Option<&Path>) -> Result<Self, DataError> {
        let Some(path) = path else {
            let temporary = TempDir::with_prefix("ebbtide-demo-")
                .map_err(|cause| DataError { path: std::env::temp_dir(), cause })?;
            return Ok(Self { path: temporary.path().to_owned(), temporary: Some(temporary) });
        };
        let absolute = fs::create_dir_all(path).and_then(|()| path.canonicalize());
        let path = absolute.map_err(|cause| DataError { path: path.to_owned(), cause })?;
        Ok(Self { path, temporary: None })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Has a temporary folder removed on the ways out on which nothing is dropped: by the watchdog, by a second signal.
    pub(crate) fn removed_by(&self, app: &Handle) -> io::Result<()> {
        if self.temporary.is_some() {
            app.temporary(&self.path)?;
        }
        Ok(())
    }

    /// Says where the data is.
    pub(crate) fn announce(&self) {
        let path = self.path.display();
        match self.temporary {
            Some(_) => tracing::info!("data in {path}, removed at the end; keep it with --data DIR"),
            None => tracing::info!("data in {path}"),
        }
    }
}
