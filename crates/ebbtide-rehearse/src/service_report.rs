//! The report that a service built on the library writes to `EBBTIDE_REPORT`. Other services write none.

use std::fs;
use std::io;
use std::path::Path;

/// Reads the report in `file`, if there is one.
pub(super) fn read(file: &Path) -> Option<serde_json::Value> {
    serde_json::from_slice(&fs::read(file).ok()?).ok()
}

/// Copies the report in `file` to `target`, where a report of an earlier run is removed in any case, as the library does.
///
/// # Errors
///
/// A sentence on the file that cannot be written.
pub(super) fn copy(file: &Path, target: &Path) -> Result<(), String> {
    let is_gone = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    let removed = match fs::remove_file(target) {
        Err(error) if !is_gone(&error) => Err(error),
        _ => Ok(()),
    };
    let copied = removed.and_then(|()| match fs::read(file) {
        Err(error) if is_gone(&error) => Ok(()),
        read => read.and_then(|report| fs::write(target, report)),
    });
    copied
        .map_err(|error| format!("the service's report could not be copied to {}: {error}", target.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_copied_and_that_of_an_earlier_run_does_not_remain() {
        let folder = tempfile::tempdir().unwrap();
        let (file, target) = (folder.path().join("report.json"), folder.path().join("copy.json"));
        fs::write(&target, "old").unwrap();
        copy(&file, &target).unwrap();
        assert!(!target.exists());
        fs::write(&file, "{}").unwrap();
        copy(&file, &target).unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "{}");
        let nowhere = folder.path().join("none/copy.json");
        assert!(copy(&file, &nowhere).unwrap_err().contains("none/copy.json"));
        assert_eq!(read(&file), Some(serde_json::json!({})));
    }
}
