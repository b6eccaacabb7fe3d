use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The file of a Unix socket that we have bound; removed when it is dropped.
///
/// Purposefully not `Clone`: there is one file.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    id: FileId,
}

/// Tells a file from another that has taken its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileId {
    device: u64,
    inode: u64,
}

impl SocketFile {
    /// Remembers the file that a socket was bound to just now.
    ///
    /// # Errors
    ///
    /// Fails when the file is gone again, or its directory may not be searched.
    pub(super) fn new(path: &Path) -> io::Result<Self> {
        // Whoever serves may change its working directory later.
        Ok(Self { path: std::path::absolute(path)?, id: FileId::of(path)? })
    }
}

impl FileId {
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let metadata = fs::symlink_metadata(path)?;
        Ok(Self { device: metadata.dev(), inode: metadata.ino() })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // A successor may have put its own file there.
        if FileId::of(&self.path).is_ok_and(|id| id == self.id)
            && let Err(error) = fs::remove_file(&self.path)
        {
            let path = self.path.display();
            crate::runtime::log_warn!(%path, %error, "cannot remove the socket's file: the next start will replace it");
        }
    }
}
