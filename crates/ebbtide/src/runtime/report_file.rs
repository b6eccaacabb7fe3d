use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use serde::Serialize;

use super::os::exit::write_stderr;
use crate::model::Report;

/// Writes to standard error, before the service is ready, that the report cannot be written: a program that waits for the file does
/// not read the log.
///
/// It leaves no file behind and removes the report of an earlier run, which could be mistaken for the report of this one.
pub(crate) fn probe_report_path(name: &str, path: &Path) {
    if let Err(error) = probe(path) {
        write_stderr(&format!(
            "{name}: error: cannot write the report (EBBTIDE_REPORT) to {}: {error}\n",
            path.display()
        ));
    }
}

/// Removes the report of an earlier run of a service that could not be started.
pub(crate) fn remove_earlier_report(path: &Path) {
    if path.is_file()
        && let Err(error) = fs::remove_file(path)
    {
        write_stderr(&format!("cannot remove the report of an earlier run, {}: {error}\n", path.display()));
    }
}

/// Writes the report as JSON. A reader finds a complete file or none. On failure, `say` is called with the name of
/// the lifecycle and the error.
pub(crate) fn write_report_or_log(report: &Report, path: &Path, say: impl FnOnce(&str, &str)) {
    if let Err(error) = write(report, path) {
        say(&report.name, &format!("cannot write the report to {}: {error}", path.display()));
    }
}

/// Returns a value as JSON.
#[cfg(feature = "json")]
pub(crate) fn json(value: &impl Serialize) -> io::Result<Vec<u8>> {
    Ok(serde_json::to_vec_pretty(value)?)
}

/// Fails, because this build has no JSON.
#[cfg(not(feature = "json"))]
pub(crate) fn json(_value: &impl Serialize) -> io::Result<Vec<u8>> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "JSON output requires the feature `json` of ebbtide"))
}

fn probe(path: &Path) -> io::Result<()> {
    let beside = beside(path);
    if path.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    fs::write(&beside, [])?;
    fs::remove_file(&beside)?;
    json(&())?;
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn write(report: &Report, path: &Path) -> io::Result<()> {
    let json = json(report)?;
    let beside = beside(path);
    fs::write(&beside, json)?;
    fs::rename(&beside, path).inspect_err(|_| {
        let _ = fs::remove_file(&beside);
    })
}

/// Returns the temporary path of a report before it is renamed.
fn beside(path: &Path) -> PathBuf {
    let mut beside = path.as_os_str().to_owned();
    // The watchdog may write the report while the dispatcher does.
    static WRITES: AtomicU32 = AtomicU32::new(0);
    let nth = WRITES.fetch_add(1, Ordering::Relaxed);
    beside.push(format!(".{}.{nth}.part", std::process::id()));
    beside.into()
}
