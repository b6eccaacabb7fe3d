//! Turns an address or a path into a listening socket.

use std::fs::{self, File, Permissions};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::FlockOperation;
use rustix::io::Errno;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::listener::BACKLOG;

/// How long another process may take between checking a path and listening there.
const LOCK_TIMEOUT: Duration = Duration::from_secs(1);
const LOCK_RETRY: Duration = Duration::from_millis(5);

/// Binds the address and listens.
pub(super) fn bind_tcp(addr: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    if addr.is_ipv6() && addr.ip().is_unspecified() {
        // The default differs between systems, and a kernel without IPv4 refuses: then IPv6 alone is right.
        let _ = socket.set_only_v6(false);
    }
    socket.set_reuse_address(true)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Binds the path and listens.
pub(super) async fn bind_unix(
    path: &Path,
    mode: Option<u32>,
) -> io::Result<(UnixListener, Option<SocketFile>)> {
    if let Some(name) = abstract_name(path) {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        let bound = socket.bind(&SockAddr::unix(name)?).and_then(|()| socket.listen(BACKLOG));
        bound.map_err(|error| match error.kind() {
            io::ErrorKind::AddrInUse => taken(path),
            _ => said(path, error),
        })?;
        return Ok((socket.into(), None));
    }
    // Between bind and listen a socket looks stale, because no process listens on it: two processes that start together
    // would each replace the other's. The directory lock is released when this file is dropped.
    let _lock = lock(path).await;
    bind_file(path, mode).map(|(listener, file)| (listener, Some(file)))
}

fn bind_file(path: &Path, mode: Option<u32>) -> io::Result<(UnixListener, SocketFile)> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    let addr = SockAddr::unix(path).map_err(|error| said(path, error))?;
    if let Err(error) = socket.bind(&addr) {
        if error.kind() != io::ErrorKind::AddrInUse {
            return Err(said(path, error));
        }
        remove_stale(path, &addr)?;
        socket.bind(&addr).map_err(|error| said(path, error))?;
    }
    let file = SocketFile::new(path).map_err(|error| said(path, error))?;
    if let Some(mode) = mode {
        fs::set_permissions(path, Permissions::from_mode(mode)).map_err(|error| said(path, error))?;
    }
    socket.listen(BACKLOG).map_err(|error| said(path, error))?;
    Ok((socket.into(), file))
}

fn remove_stale(path: &Path, addr: &SockAddr) -> io::Result<()> {
    let metadata = fs::symlink_metadata(path).map_err(|error| said(path, error))?;
    if !metadata.file_type().is_socket() {
        let message =
            format!("{} exists and is not a socket: move it away, or choose another path", path.display());
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, message));
    }
    let probe = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    probe.set_nonblocking(true)?; // a listener whose queue is full still counts as one
    match probe.connect(addr) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            tracing::info!(path = %path.display(), "replacing a stale socket file");
            fs::remove_file(path).map_err(|error| said(path, error))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(said(path, error)),
        _ => Err(taken(path)),
    }
}

/// Locks the path's directory against other processes that bind here. If the lock is not available it continues
/// without: the owner of the directory may hold the lock for other reasons.
async fn lock(path: &Path) -> Option<File> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let directory = File::open(parent.unwrap_or(Path::new("."))).ok()?;
    let locked = async {
        loop {
            match rustix::fs::flock(&directory, FlockOperation::NonBlockingLockExclusive) {
                Err(Errno::WOULDBLOCK | Errno::INTR) => tokio::time::sleep(LOCK_RETRY).await,
                done => return done,
            }
        }
    };
    tokio::time::timeout(LOCK_TIMEOUT, locked).await.ok()?.ok()?;
    Some(directory)
}

/// Returns the abstract name in the kernel's form: `@` stands for the NUL byte.
#[cfg(target_os = "linux")]
fn abstract_name(path: &Path) -> Option<std::ffi::OsString> {
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    let name = path.as_os_str().as_bytes().strip_prefix(b"@")?;
    Some(std::ffi::OsString::from_vec([b"\0", name].concat()))
}

#[cfg(not(target_os = "linux"))]
fn abstract_name(_: &Path) -> Option<std::ffi::OsString> {
    None
}

fn taken(path: &Path) -> io::Error {
    let message = format!("another process listens on {}: stop it, or choose another path", path.display());
    io::Error::new(io::ErrorKind::AddrInUse, message)
}

fn said(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot listen on {}: {error}", path.display()))
}

/// The file of a Unix socket that this process has bound; removed on drop.
///
/// Deliberately not `Clone`: there is one file.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    id: FileId,
}

/// Distinguishes a file from another one that has replaced it under the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileId {
    device: u64,
    inode: u64,
}

impl SocketFile {
    /// Records the file that a socket has just been bound to.
    ///
    /// # Errors
    ///
    /// Fails when the file no longer exists, or its directory may not be searched.
    fn new(path: &Path) -> io::Result<Self> {
        // The program may change its working directory later.
        Ok(Self { path: std::path::absolute(path)?, id: FileId::of(path)? })
    }
}

impl FileId {
    fn of(path: &Path) -> io::Result<Self> {
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
            crate::runtime::log_warn!(%path, %error, "cannot remove the socket file");
        }
    }
}
