use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::model::Report;

/// Tells whether a report could be written now, without leaving anything behind.
pub(crate) fn probe(path: &Path) -> io::Result<()> {
    let beside = beside(path);
    if path.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    fs::write(&beside, [])?;
    fs::remove_file(&beside)
}

/// Writes the report as JSON. Whoever reads the file finds a whole one or none.
pub(crate) fn write(report: &Report, path: &Path) -> io::Result<()> {
    let json = serde_json::to_vec_pretty(report)?;
    let beside = beside(path);
    fs::write(&beside, json)?;
    fs::rename(&beside, path).inspect_err(|_| {
        let _ = fs::remove_file(&beside);
    })
}

/// Returns where a report is written before it gets its name.
fn beside(path: &Path) -> PathBuf {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}.part", std::process::id()));
    beside.into()
}
