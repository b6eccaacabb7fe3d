//! The sockets, locks, pid files and temporary files that the service makes and leaves.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::child::bound_paths;
use crate::record::{LeftFile, LeftKind};

/// At most this many entries of folders are read in a search for pid files.
const MOST_ENTRIES: usize = 10_000;
/// The longest pid file.
const LONGEST: u64 = 32;

/// The files that the processes of a service had open or had bound, and where temporary ones are.
#[derive(Debug)]
pub(super) struct LeftBehind {
    /// When the service was started, on the clock of the file system.
    since: SystemTime,
    /// The folder of the rehearsal, whose files are not those of the service.
    own: PathBuf,
    /// The folders for temporary files.
    temporary: BTreeSet<PathBuf>,
    /// The working folders of the processes.
    working: BTreeSet<PathBuf>,
    pids: BTreeSet<i32>,
    paths: BTreeSet<PathBuf>,
}

impl LeftBehind {
    /// Prepares the look at a service whose output goes to `log`, a file that was made right before its start, and whose folder for temporary
    /// files is `temporary`. `None`: the file system does not tell when a file was made.
    pub(super) fn new(log: &Path, temporary: Option<&OsStr>) -> Option<Self> {
        let since = fs::metadata(log).and_then(|file| file.created()).ok()?;
        let own = fs::canonicalize(log.parent()?).ok()?;
        let usual = ["/tmp", "/var/tmp", "/dev/shm", "/run"].map(OsStr::new);
        let folders = usual.into_iter().chain(temporary).filter_map(|folder| fs::canonicalize(folder).ok());
        // A temporary folder at the root would make every file a temporary one.
        let folders = folders.filter(|folder| folder.parent().is_some()).collect();
        let (pids, paths, working) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        Some(Self { since, own, temporary: folders, working, pids, paths })
    }

    /// Notes what the processes `pids` have open.
    pub(super) fn look(&mut self, pids: &[i32]) {
        for pid in pids {
            self.pids.insert(*pid);
            self.working.extend(fs::read_link(format!("/proc/{pid}/cwd")));
            let files = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
            // A file that standard output leads to is a log.
            let files =
                files.filter(|file| !["0", "1", "2"].iter().any(|number| file.file_name() == *number));
            let open = files.filter_map(|file| fs::read_link(file.path()).ok());
            self.paths.extend(open.filter(|path| path.is_absolute() && !path.starts_with("/proc")));
        }
        self.paths.extend(bound_paths(pids));
    }

    /// Returns what is left, after the last process has ended.
    pub(super) fn left(&self) -> Vec<LeftFile> {
        let open = self.paths.iter().filter_map(|path| {
            let file = fs::symlink_metadata(path).ok()?;
            // What it opened and did not make is not left by it.
            (file.created().ok()? >= self.since).then_some(())?;
            Some((path.clone(), self.kind(path, &file)?))
        });
        let pid_files = self.pid_files().into_iter().map(|path| (path, LeftKind::PidFile));
        let found: BTreeSet<LeftFile> = open
            .chain(pid_files)
            .filter(|(path, _)| !path.starts_with(&self.own))
            .map(|(path, kind)| LeftFile { path: path.to_string_lossy().into_owned(), kind })
            .collect();
        found.into_iter().collect()
    }

    fn kind(&self, path: &Path, file: &Metadata) -> Option<LeftKind> {
        if file.file_type().is_socket() {
            return Some(LeftKind::Socket);
        }
        if !file.is_file() {
            return None;
        }
        match path.extension().and_then(OsStr::to_str) {
            Some("pid") => Some(LeftKind::PidFile),
            Some("lock" | "lck") => Some(LeftKind::LockFile),
            // A log is written to stay, also after its rotation.
            _ if path.file_name().is_some_and(|name| name.to_string_lossy().contains(".log")) => None,
            _ => self.is_temporary(path).then_some(LeftKind::TemporaryFile),
        }
    }

    /// Returns whether `path` is in a folder for temporary files. A service that works within one has its data there as well.
    fn is_temporary(&self, path: &Path) -> bool {
        let is_data = self.working.iter().any(|folder| {
            folder.parent().is_some() && !self.temporary.contains(folder) && path.starts_with(folder)
        });
        !is_data && self.temporary.iter().any(|folder| path.starts_with(folder))
    }

    /// Returns the pid files of the service, which are written and closed at once.
    fn pid_files(&self) -> Vec<PathBuf> {
        let mut entries = 0;
        let mut found = Vec::new();
        for folder in self.temporary.union(&self.working) {
            let mut folders = vec![(folder.clone(), 0)];
            while let Some((folder, depth)) = folders.pop() {
                for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                    entries += 1;
                    if entries > MOST_ENTRIES {
                        return found;
                    }
                    let (path, is_folder) = (entry.path(), entry.file_type().is_ok_and(|kind| kind.is_dir()));
                    // As /run/NAME/NAME.pid.
                    if is_folder && depth == 0 {
                        folders.push((path, 1));
                    } else if path.extension() == Some(OsStr::new("pid")) && self.is_pid_file(&path) {
                        found.push(path);
                    }
                }
            }
        }
        found
    }

    /// Returns whether a process of the service wrote its id to the file `path`.
    fn is_pid_file(&self, path: &Path) -> bool {
        let Ok(file) = fs::symlink_metadata(path) else { return false };
        let is_new =
            file.is_file() && file.len() <= LONGEST && file.modified().is_ok_and(|at| at >= self.since);
        let pid = || fs::read_to_string(path).ok()?.trim().parse().ok();
        is_new && pid().is_some_and(|pid: i32| self.pids.contains(&pid))
    }
}

/// Returns the value of `TMPDIR` for a service that gets `env` in addition to the environment of this process.
pub(crate) fn temporary_folder(env: &[(OsString, OsString)]) -> Option<OsString> {
    let of_service =
        env.iter().rev().find(|(name, _)| name.as_bytes() == b"TMPDIR").map(|(_, value)| value.clone());
    of_service.or_else(|| std::env::var_os("TMPDIR"))
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::unix::net::UnixListener;

    use rustix::process::getpid;

    use super::*;

    /// Looks at this process as the service, which is started between `before` and `after`, and works in a folder below `TMPDIR`.
    fn left(before: impl Fn(&Path), after: impl Fn(&Path) -> Vec<File>) -> Vec<(String, LeftKind)> {
        let folder = tempfile::tempdir().unwrap();
        for name in ["own", "tmp", "tmp/work"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let (log, temporary) = (folder.path().join("own/log"), folder.path().join("tmp"));
        before(folder.path());
        // The clock of a file system advances in steps.
        let made = |path: &Path| File::create(path).unwrap().metadata().unwrap().created().unwrap();
        let earlier = made(&folder.path().join("own/earlier"));
        while made(&log) <= earlier {
            fs::remove_file(&log).unwrap();
        }
        let mut looks = LeftBehind::new(&log, Some(temporary.as_os_str())).unwrap();
        // Those of the system are full of files of other tests.
        looks.temporary = [temporary].into();
        looks.working = [folder.path().join("tmp/work")].into();
        let open = after(folder.path());
        let pid = getpid().as_raw_nonzero().get();
        looks.look(&[pid]);
        drop(open);
        let left = looks.left().into_iter();
        let name = |path: String| {
            path.strip_prefix(&folder.path().display().to_string())?.get(1..).map(str::to_owned)
        };
        left.filter_map(|file| Some((name(file.path)?, file.kind))).collect()
    }

    #[test]
    fn what_a_service_made_and_left_is_found_by_its_kind() {
        let found = left(
            |_| {},
            |folder| {
                let _gone = UnixListener::bind(folder.join("app.socket")).unwrap();
                let pid = std::process::id().to_string();
                fs::write(folder.join("tmp/work/app.pid"), pid + "\n").unwrap();
                ["app.lock", "tmp/spool", "tmp/work/other.lock"]
                    .map(|name| File::create(folder.join(name)).unwrap())
                    .into()
            },
        );
        // The socket was closed before the look.
        let expected = [
            ("app.lock", LeftKind::LockFile),
            ("tmp/spool", LeftKind::TemporaryFile),
            ("tmp/work/app.pid", LeftKind::PidFile),
            ("tmp/work/other.lock", LeftKind::LockFile),
        ];
        assert_eq!(found, expected.map(|(name, kind)| (name.to_owned(), kind)));
    }

    #[test]
    fn logs_data_and_files_of_others_are_not_left_behind() {
        let found = left(
            |folder| {
                fs::write(folder.join("tmp/old"), "").unwrap();
                fs::write(folder.join("old.lock"), "").unwrap();
                fs::write(folder.join("tmp/work/old.pid"), std::process::id().to_string()).unwrap();
            },
            |folder| {
                fs::write(folder.join("tmp/work/other.pid"), "1").unwrap();
                // Made, and not by the service.
                fs::write(folder.join("tmp/foreign"), "").unwrap();
                let gone = File::create(folder.join("tmp/gone")).unwrap();
                fs::remove_file(folder.join("tmp/gone")).unwrap();
                let mut open = vec![gone];
                for name in
                    ["tmp/old", "old.lock", "data.db", "tmp/app.log.1", "tmp/work/data.db", "own/report"]
                {
                    open.push(File::options().append(true).create(true).open(folder.join(name)).unwrap());
                }
                open
            },
        );
        assert_eq!(found, []);
    }

    #[test]
    fn the_folder_for_temporary_files_is_that_of_the_service() {
        let env = [("TMPDIR", "/a"), ("X", "/b"), ("TMPDIR", "/c")]
            .map(|(name, value)| (name.into(), value.into()));
        assert_eq!(temporary_folder(&env), Some("/c".into()));
    }
}
