use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

/// Files and folders that are removed on every path out of the process. Clones share one list.
///
/// Separate from the components, because a second signal ends the process without the state machine.
#[derive(Clone, Debug, Default)]
pub(crate) struct Temporaries {
    state: Arc<Mutex<TemporariesState>>,
}

#[derive(Debug, Default)]
struct TemporariesState {
    paths: Vec<PathBuf>,
    /// A component that removes them is registered, and has not started.
    awaited: bool,
}

/// How many of the paths that could not be removed an error names.
const NAMED: usize = 8;

/// How often the removal of a folder is retried while another process or thread writes into it.
const ROUNDS: usize = 20;

impl Temporaries {
    /// Adds a path. Returns whether the caller has to register a component that removes the paths: one removes all.
    #[must_use = "no other component removes the path"]
    pub(crate) fn keep(&self, path: PathBuf) -> bool {
        let mut state = self.lock();
        state.paths.push(path);
        !std::mem::replace(&mut state.awaited, true)
    }

    /// Removes all of them, the last added first. Each is forgotten only after its removal, so that a concurrent second signal
    /// removes the rest.
    ///
    /// # Errors
    ///
    /// When some could not be removed; the error names the first few.
    pub(crate) fn remove_all(&self) -> io::Result<()> {
        let mut state = self.lock();
        state.awaited = false;
        let count = state.paths.len();
        drop(state);
        let (mut named, mut failed) = (Vec::new(), 0_usize);
        for at in (0..count).rev() {
            let Some(path) = self.lock().paths.get(at).cloned() else { continue };
            match remove(&path) {
                Ok(()) => self.forget(at, &path),
                Err(error) => {
                    failed += 1;
                    if named.len() < NAMED {
                        named.push(format!("{}: {error}", path.display()));
                    }
                }
            }
        }
        match failed.saturating_sub(named.len()) {
            _ if named.is_empty() => Ok(()),
            0 => Err(io::Error::other(named.join("; "))),
            more => Err(io::Error::other(format!("{}; and {more} more", named.join("; ")))),
        }
    }

    fn forget(&self, at: usize, path: &Path) {
        let mut state = self.lock();
        if state.paths.get(at).is_some_and(|kept| kept == path) {
            state.paths.remove(at);
        }
    }

    /// Removes all of them, the last added first, and waits for at most `limit`: a file system that hangs must not keep the
    /// process alive.
    pub(crate) fn remove_all_within(&self, limit: Duration) {
        let paths = std::mem::take(&mut self.lock().paths);
        if paths.is_empty() {
            return;
        }
        let (done, removed) = mpsc::channel::<()>();
        let work = move || {
            for path in paths.iter().rev() {
                // A signal ends the process: there is no caller to report the error to.
                let _ = remove(path);
            }
            drop(done);
        };
        if thread::Builder::new().name("temporary files".to_owned()).spawn(work).is_ok() {
            // The receive returns when the sender is dropped.
            let _ = removed.recv_timeout(limit);
        }
    }

    fn lock(&self) -> MutexGuard<'_, TemporariesState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes a file, a link (not its target), or a folder with its content. Succeeds if the path does not exist.
fn remove(path: &Path) -> io::Result<()> {
    let mut result = Ok(());
    for _ in 0..ROUNDS {
        result = match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
            Ok(found) if found.is_dir() => fs::remove_dir_all(path),
            Ok(_) => fs::remove_file(path),
        };
        match &result {
            // Another process or thread writes into the folder, or removes it as well.
            Err(error)
                if matches!(error.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::NotFound) => {}
            _ => return result,
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn files_folders_and_links_are_removed_and_link_targets_are_not() {
        let outer = tempfile::tempdir().expect("a folder");
        let at = |name: &str| outer.path().join(name);
        fs::create_dir_all(at("folder/deep")).expect("made");
        fs::write(at("folder/deep/file"), "x").expect("written");
        fs::create_dir(at("kept")).expect("made");
        fs::write(at("kept/file"), "x").expect("written");
        std::os::unix::fs::symlink(at("kept"), at("link")).expect("linked");
        std::os::unix::fs::symlink(at("kept"), at("folder/link")).expect("linked");
        fs::write(at("file"), "x").expect("written");
        let temporaries = Temporaries::default();
        for name in ["folder", "link", "file", "never there"] {
            let _ = temporaries.keep(at(name));
        }
        temporaries.remove_all_within(Duration::from_secs(20));
        let left: Vec<_> =
            fs::read_dir(outer.path()).expect("read").flatten().map(|entry| entry.file_name()).collect();
        assert_eq!(left, ["kept"]);
        assert!(at("kept/file").exists());
        remove(&at("never there")).expect("a missing path counts as removed");
    }

    #[test]
    fn a_temporary_path_stays_registered_while_it_is_removed() {
        const FILES: usize = 5000;
        let outer = tempfile::tempdir().expect("a folder");
        let folder = outer.path().join("big");
        fs::create_dir(&folder).expect("made");
        for n in 0..FILES {
            fs::write(folder.join(n.to_string()), "").expect("written");
        }
        let temporaries = Temporaries::default();
        assert!(temporaries.keep(folder.clone()), "the first path needs a component");
        assert!(!temporaries.keep(folder.clone()), "one component removes all paths");
        thread::scope(|scope| {
            let removing = scope.spawn(|| temporaries.remove_all());
            let left = || fs::read_dir(&folder).map_or(0, Iterator::count);
            while left() == FILES {}
            // As a second signal does.
            temporaries.remove_all_within(Duration::from_secs(20));
            assert_eq!(left(), 0);
            removing.join().expect("it does not panic").expect("removed");
        });
    }

    #[test]
    fn a_temporary_path_that_cannot_be_removed_stays_registered() {
        let temporaries = Temporaries::default();
        let stays = Path::new("/proc/self/status");
        let _ = temporaries.keep(stays.to_owned());
        let error = temporaries.remove_all().expect_err("it cannot be removed").to_string();
        assert!(error.starts_with("/proc/self/status: "), "{error}");
        assert_eq!(temporaries.lock().paths, [stays]);
    }

    #[test]
    fn a_temporary_folder_with_concurrent_writes_is_removed() {
        let outer = tempfile::tempdir().expect("a folder");
        let folder = outer.path().join("busy");
        fs::create_dir(&folder).expect("made");
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut n = 0;
                while !stop.load(Ordering::SeqCst) && fs::write(folder.join(n.to_string()), "x").is_ok() {
                    n += 1;
                }
            });
            let removed = remove(&folder);
            stop.store(true, Ordering::SeqCst);
            removed.expect("removed");
        });
        assert!(!folder.exists());
    }
}
