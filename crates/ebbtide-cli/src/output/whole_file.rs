//! A file that is written whole or not at all.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Seek, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

/// A file that has its content once it is [kept](Self::keep). If it is dropped before, nothing has changed.
#[derive(Debug)]
pub(crate) struct WholeFile {
    content: NamedTempFile,
    target: PathBuf,
    /// Whether the temporary file can become the target: it is in the same folder.
    is_beside: bool,
}

impl WholeFile {
    /// Begins a file, and changes nothing at `path`.
    ///
    /// # Errors
    ///
    /// It could not be written.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        // A link stays one.
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let name = target.file_name().ok_or(io::ErrorKind::IsADirectory)?;
        let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
        let mut prefix = std::ffi::OsString::from(".");
        prefix.push(name);
        prefix.push(".");
        let mut builder = Builder::new();
        builder.prefix(&prefix).permissions(Permissions::from_mode(0o666));
        let beside =
            || builder.tempfile_in(folder.unwrap_or(Path::new("."))).map_err(|error| without_path(&error));
        let (content, is_beside) = match fs::metadata(&target) {
            Ok(known) if known.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
            Ok(known) if known.is_file() => {
                // A file that may not be written is not replaced either.
                OpenOptions::new().append(true).open(&target)?;
                match beside() {
                    Ok(content) => {
                        content.as_file().set_permissions(known.permissions())?;
                        (content, true)
                    }
                    // The file may be written, but not its folder.
                    Err(_) => (builder.tempfile()?, false),
                }
            }
            // A device or a pipe.
            Ok(_) => (builder.tempfile()?, false),
            Err(_) => (beside()?, true),
        };
        Ok(Self { content, target, is_beside })
    }

    /// Writes what is buffered, and puts the file in its place.
    ///
    /// # Errors
    ///
    /// Writing failed.
    pub(crate) fn keep(mut self) -> io::Result<()> {
        if self.is_beside {
            self.content.persist(&self.target).map_err(|error| error.error)?;
            return Ok(());
        }
        self.content.rewind()?;
        let mut target = OpenOptions::new().write(true).truncate(true).open(&self.target)?;
        io::copy(self.content.as_file_mut(), &mut target)?;
        Ok(())
    }
}

/// Returns the error without the name of the temporary file, which means nothing to a reader.
fn without_path(error: &io::Error) -> io::Error {
    let text = error.to_string();
    let (what, _) = text.split_once(" at path ").unwrap_or((&text, ""));
    io::Error::new(error.kind(), what)
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.content.as_file_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.content.as_file_mut().flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        names.map(|name| name.into_string().unwrap()).collect()
    }

    #[test]
    fn a_file_that_is_not_kept_leaves_everything_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new");
        let mut file = WholeFile::create(&path).unwrap();
        file.write_all(b"half").unwrap();
        drop(file);
        assert_eq!(names(folder.path()), [""; 0]);
        fs::write(&path, "old").unwrap();
        let mut file = WholeFile::create(&path).unwrap();
        file.write_all(b"half").unwrap();
        drop(file);
        assert_eq!((fs::read_to_string(&path).unwrap().as_str(), names(folder.path()).len()), ("old", 1));
    }

    #[test]
    fn a_file_that_is_kept_replaces_the_old_one_with_its_mode_and_through_links() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&path, "old and longer").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let mut file = WholeFile::create(&link).unwrap();
        file.write_all(b"new").unwrap();
        file.keep().unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    }

    #[test]
    fn a_device_stays_a_device_and_a_folder_is_refused() {
        let mut file = WholeFile::create(Path::new("/dev/null")).unwrap();
        file.write_all(b"x").unwrap();
        file.keep().unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
        let full = WholeFile::create(Path::new("/dev/full")).and_then(|mut file| {
            file.write_all(b"x")?;
            file.keep()
        });
        assert_eq!(full.unwrap_err().kind(), io::ErrorKind::StorageFull);
        for path in ["/", "/dev", "/no/such/folder/file"] {
            let error = WholeFile::create(Path::new(path)).unwrap_err().to_string();
            assert!(!error.contains('/'), "{path}: {error}");
        }
    }
}
