//! The folder that holds the database and the log, and the service's log output: on standard error and in `demo.log`.

use std::fs::{self, File};
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ebbtide::{BoxError, Handle};
use tempfile::TempDir;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};
use tracing_subscriber::{Layer as _, fmt};

/// The folder that holds the database and the log.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    /// Removes the folder when it is dropped.
    temporary: Option<TempDir>,
}

/// The folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use data folder {} (--data): {cause}", path.display())]
pub(crate) struct DataError {
    path: PathBuf,
    cause: io::Error,
}

impl DataDir {
    /// Opens the folder, and creates it if it is missing. Without a path, creates a temporary one.
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

    /// Registers a temporary folder for removal on the exits that drop no value: by the watchdog, by a second signal.
    pub(crate) fn removed_by(&self, app: &Handle) -> io::Result<()> {
        if self.temporary.is_some() {
            app.temporary(&self.path)?;
        }
        Ok(())
    }

    /// Logs where the data is.
    pub(crate) fn announce(&self) {
        let path = self.path.display();
        match self.temporary {
            Some(_) => tracing::info!("data in temporary folder {path}; removed at exit"),
            None => tracing::info!("data in {path}"),
        }
    }
}

/// A buffered log file. Lines still in the buffer when the process ends are lost unless the file is flushed.
///
/// Cheap to clone; all clones write to the same file.
#[derive(Clone, Debug)]
pub(crate) struct LogFile {
    writer: Arc<Mutex<BufWriter<File>>>,
}

/// The file cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot open log {}: {cause}", path.display())]
pub(crate) struct LogFileError {
    path: PathBuf,
    cause: io::Error,
}

const BUFFER: usize = 64 * 1024;

impl LogFile {
    /// Opens the file to append to it, and creates it if it is missing.
    pub(crate) fn create(path: &Path) -> Result<Self, LogFileError> {
        let file = File::options().create(true).append(true).open(path);
        let file = file.map_err(|cause| LogFileError { path: path.to_owned(), cause })?;
        Ok(Self { writer: Arc::new(Mutex::new(BufWriter::with_capacity(BUFFER, file))) })
    }

    /// Returns the flusher for the end of the process.
    pub(crate) fn flusher(&self) -> impl FnOnce() + Send + use<> {
        let mut log = self.clone();
        move || {
            if let Err(error) = log.flush() {
                let _ = writeln!(io::stderr(), "orders: error: failed to flush demo.log: {error}");
            }
        }
    }

    /// Returns a ticker that flushes the file, so that it can be followed while the service runs.
    pub(crate) fn flush_now(
        &self,
    ) -> impl FnMut() -> std::future::Ready<Result<(), BoxError>> + Send + use<> {
        let mut log = self.clone();
        move || {
            if let Err(error) = log.flush() {
                // A full disk must not stop the service from accepting orders.
                tracing::warn!(%error, "flushing demo.log failed");
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

    /// Writes the line in one piece, so that no line of another thread is written in between.
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.lock().write_all(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.lock().flush()
    }
}

/// Sends log lines to standard error, filtered by `RUST_LOG` (`info` by default), and to the file, each order's steps
/// included.
///
/// # Errors
///
/// When the process has a subscriber already.
pub(crate) fn install_log(file: &LogFile) -> Result<(), TryInitError> {
    let colour =
        io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let people = fmt::layer().compact().with_target(false).with_ansi(colour).with_writer(io::stderr);
    let kept = Targets::new().with_default(LevelFilter::INFO).with_target("ebbtide_demo", LevelFilter::DEBUG);
    let writer = file.clone();
    let lines = fmt::layer().with_ansi(false).with_writer(move || writer.clone());
    tracing_subscriber::registry()
        .with(people.with_filter(filter::from_env()))
        .with(lines.with_filter(kept))
        .try_init()
}

/// The filter in `RUST_LOG`.
mod filter {
    use std::io::{self, Write as _};

    use tracing_subscriber::filter::{LevelFilter, Targets};

    /// Reads the filter from `RUST_LOG`: `LEVEL` and `TARGET=LEVEL`, separated by commas; `info` without it.
    ///
    /// A directive that cannot be read is reported on standard error and ignored. That includes those for spans and fields
    /// (`target[span]=level`): a regex engine would have to be compiled for them.
    pub(super) fn from_env() -> Targets {
        let (targets, ignored) = parse(&std::env::var("RUST_LOG").unwrap_or_default());
        for directive in ignored {
            let _ = writeln!(
                io::stderr(),
                "orders: warning: invalid directive `{directive}` in RUST_LOG ignored"
            );
        }
        targets
    }

    /// Returns the targets, and the directives that cannot be read.
    fn parse(text: &str) -> (Targets, Vec<String>) {
        let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
        let (valid, ignored): (Vec<&str>, Vec<&str>) =
            words.partition(|word| !word.contains('[') && word.parse::<Targets>().is_ok());
        let targets = valid.join(",").parse().ok().filter(|_| !valid.is_empty());
        let default = || Targets::new().with_default(LevelFilter::INFO);
        (targets.unwrap_or_else(default), ignored.into_iter().map(str::to_owned).collect())
    }

    #[cfg(test)]
    mod tests {
        use tracing_subscriber::filter::LevelFilter as Level;

        use super::*;

        #[test]
        fn a_level_and_targets_are_read_as_they_are_elsewhere() {
            for (text, default, targets) in [
                ("", Some(Level::INFO), &[][..]),
                ("debug", Some(Level::DEBUG), &[]),
                ("off", Some(Level::OFF), &[]),
                (
                    "warn, ebbtide=TRACE,sqlx=off",
                    Some(Level::WARN),
                    &[("ebbtide", Level::TRACE), ("sqlx", Level::OFF)],
                ),
                // What is named alone is all that is asked for.
                ("ebbtide::http", None, &[("ebbtide::http", Level::TRACE)]),
            ] {
                let (read, ignored) = parse(text);
                assert_eq!((read.default_level(), ignored.as_slice()), (default, [].as_slice()), "{text}");
                let mut read: Vec<_> = read.into_iter().collect();
                read.sort();
                let expected: Vec<_> =
                    targets.iter().map(|(name, level)| ((*name).to_owned(), *level)).collect();
                assert_eq!(read, expected, "{text}");
            }
        }

        #[test]
        fn an_invalid_filter_directive_is_reported_and_the_others_apply() {
            let (read, ignored) = parse("ebbtide=loud,[order{id=1}]=debug,warn");
            assert_eq!(ignored, ["ebbtide=loud", "[order{id=1}]=debug"]);
            assert_eq!((read.default_level(), read.iter().count()), (Some(LevelFilter::WARN), 0));
            assert_eq!(parse("ebbtide=loud").0.default_level(), Some(LevelFilter::INFO));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_form;

    #[test]
    fn error_texts_have_the_form() {
        error_form::walk! {
            DataError { .. } => DataError { path: "/data".into(), cause: io::Error::other("read-only") };
        }
        error_form::walk! {
            LogFileError { .. } => LogFileError { path: "/data/demo.log".into(), cause: io::Error::other("read-only") };
        }
    }
}
