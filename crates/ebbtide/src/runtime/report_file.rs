use std::fs;
use std::io;
use std::path::Path;

use crate::model::Report;

/// Writes the report as JSON. Whoever reads the file finds a whole one or none.
pub(crate) fn write(report: &Report, path: &Path) -> io::Result<()> {
    let json = serde_json::to_vec_pretty(report)?;
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}.part", std::process::id()));
    fs::write(&beside, json)?;
    fs::rename(&beside, path).inspect_err(|_| {
        let _ = fs::remove_file(&beside);
    })
}
