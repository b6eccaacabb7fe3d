use std::path::{Component, Path, PathBuf};

/// Removes `.` and `..` from a path without asking the file system.
pub(crate) fn clean(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if clean.file_name().is_some() => {
                clean.pop();
            }
            _ => clean.push(part),
        }
    }
    clean
}
