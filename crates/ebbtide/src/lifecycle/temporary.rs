use std::io;
use std::path::{Component, Path, PathBuf, absolute};

use super::Handle;

impl Handle {
    /// Removes a file or a folder, with everything in it, when the process ends: in order, by the watchdog, or by a second
    /// signal. Returns its absolute path with resolved links: later changes of the links do not affect it.
    ///
    /// It is removed last, after the flushers. A failed removal makes the exit code 1. All temporary paths are one component of the
    /// report, `temporary files`. SIGKILL leaves the path in place: where that matters, choose a name that the next process finds.
    ///
    /// For a symbolic link, the link is removed and not its target, with or without a trailing slash.
    ///
    /// # Errors
    ///
    /// When the path is a root, ends in `..`, or contains the working directory of the process. When its parent cannot be read, or
    /// does not exist yet and contains `..`.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn register(app: &ebbtide::Handle) -> Result<(), ebbtide::BoxError> {
    /// let socket = app.temporary(format!("/run/orders-{}.sock", std::process::id()))?;
    /// # drop(socket);
    /// # Ok(()) }
    /// ```
    pub fn temporary(&self, path: impl AsRef<Path>) -> io::Result<PathBuf> {
        let path = removable(&absolute(path)?, std::env::current_dir().ok().as_deref())?;
        let temporaries = self.temporaries().clone();
        if temporaries.keep(path.clone()) {
            self.at_exit("temporary files", move |_| Ok(temporaries.remove_all()?));
        }
        Ok(path)
    }
}

/// Returns the absolute path to remove, or the reason why the path is refused. `here` is the working directory of the process.
fn removable(path: &Path, here: Option<&Path>) -> io::Result<PathBuf> {
    let refused = |why: &str| {
        let why = format!("cannot register {} as a temporary path: {why}", path.display());
        io::Error::new(io::ErrorKind::InvalidInput, why)
    };
    // Without the trailing slash, which would follow a link.
    let path: PathBuf = path.components().collect();
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(refused("path is a root or resolves to one"));
    };
    let resolved = match parent.canonicalize() {
        Ok(parent) => parent.join(name),
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Err(_) if parent.components().any(|part| part == Component::ParentDir) => {
            return Err(refused("path contains `..` and a parent directory does not exist"));
        }
        Err(_) => path.clone(),
    };
    let is_here = |here: &Path| here.canonicalize().is_ok_and(|here| here.starts_with(&resolved));
    if here.is_some_and(|here| here.starts_with(&resolved) || is_here(here)) {
        return Err(refused("it contains the working directory"));
    }
    Ok(resolved)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    /// The working directory is `srv/app`; `data` is a link to `srv`.
    fn folders() -> (tempfile::TempDir, PathBuf) {
        let outer = tempfile::tempdir().unwrap();
        let root = outer.path().canonicalize().unwrap();
        fs::create_dir_all(root.join("srv/app/deep")).unwrap();
        symlink(root.join("srv"), root.join("data")).unwrap();
        (outer, root)
    }

    #[test]
    fn temporary_paths_that_are_a_root_or_end_in_two_dots_are_refused() {
        let (_kept, root) = folders();
        let here = root.join("srv/app");
        for path in ["/", "//", "/..", "/../..", "/."] {
            assert!(removable(Path::new(path), Some(&here)).is_err(), "{path}");
            assert!(removable(Path::new(path), None).is_err(), "{path}");
        }
        for path in ["srv/app/..", "srv/app/deep/..", "srv/app/../..", "srv/app/../"] {
            assert!(removable(&root.join(path), Some(&here)).is_err(), "{path}");
        }
    }

    #[test]
    fn the_working_directory_is_refused_under_any_name() {
        let (_kept, root) = folders();
        let here = root.join("srv/app");
        let by_link = root.join("data/app");
        for here in [&here, &by_link] {
            for path in
                ["srv", "srv/app", "srv/app/.", "srv/app/", "data/app", "data/app/", "srv/app/deep/../../app"]
            {
                let error = removable(&root.join(path), Some(here)).unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{path}: {error}");
            }
            assert!(removable(&root, Some(here)).is_err());
        }
    }

    #[test]
    fn two_dots_after_a_missing_folder_are_refused() {
        let (_kept, root) = folders();
        let here = root.join("srv/app");
        assert!(removable(&root.join("none/../srv"), Some(&here)).is_err());
        assert_eq!(removable(&root.join("none/deep/t"), Some(&here)).unwrap(), root.join("none/deep/t"));
    }

    #[test]
    fn temporary_paths_are_resolved_without_links() {
        let (_kept, root) = folders();
        let here = root.join("srv/app");
        for (path, removed) in [
            ("srv/app/t", "srv/app/t"),
            ("srv/application", "srv/application"),
            ("srv/app/../t/", "srv/t"),
            ("data/app/deep", "srv/app/deep"),
            // A link, and not the working directory of the process.
            ("data", "data"),
            ("data/", "data"),
        ] {
            assert_eq!(removable(&root.join(path), Some(&here)).unwrap(), root.join(removed), "{path}");
        }
    }
}
