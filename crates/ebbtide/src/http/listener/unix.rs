//! How a path becomes a listening socket.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::Duration;

use rustix::fs::FlockOperation;
use rustix::io::Errno;
use socket2::{Domain, SockAddr, Socket, Type};

use super::SocketFile;
use super::listener::BACKLOG;

/// How long another process may take between looking at a path and listening there.
const LOCK_PATIENCE: Duration = Duration::from_secs(1);
const LOCK_AGAIN: Duration = Duration::from_millis(5);

/// Binds the path and listens.
pub(super) async fn bind(path: &Path, mode: Option<u32>) -> io::Result<(UnixListener, Option<SocketFile>)> {
    if let Some(name) = abstract_name(path) {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        let bound = socket.bind(&SockAddr::unix(name)?).and_then(|()| socket.listen(BACKLOG));
        bound.map_err(|error| match error.kind() {
            io::ErrorKind::AddrInUse => taken(path),
            _ => said(path, error),
        })?;
        return Ok((socket.into(), None));
    }
    // Between bind and listen a socket looks as if nobody listened on it: two that start at once would each take the
    // other's for a stale one. The directory's lock goes with this file.
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
    probe.set_nonblocking(true)?; // a listener whose queue is full is one all the same
    match probe.connect(addr) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            tracing::info!(path = %path.display(), "replacing a socket that nobody listens on");
            fs::remove_file(path).map_err(|error| said(path, error))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(said(path, error)),
        _ => Err(taken(path)),
    }
}

/// Locks the path's directory against others that do the same. Where that cannot be had it goes on without: whoever
/// looks after the directory may hold the lock for other reasons.
async fn lock(path: &Path) -> Option<File> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let directory = File::open(parent.unwrap_or(Path::new("."))).ok()?;
    let locked = async {
        loop {
            match rustix::fs::flock(&directory, FlockOperation::NonBlockingLockExclusive) {
                Err(Errno::WOULDBLOCK | Errno::INTR) => tokio::time::sleep(LOCK_AGAIN).await,
                done => return done,
            }
        }
    };
    tokio::time::timeout(LOCK_PATIENCE, locked).await.ok()?.ok()?;
    Some(directory)
}

/// Returns the name as the kernel wants it: `@` stands for the NUL byte.
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
