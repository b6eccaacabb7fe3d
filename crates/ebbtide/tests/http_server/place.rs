//! A path for a Unix socket, its server and its clients.

use std::path::{Path, PathBuf};

use ebbtide::http::{Listener, Server};
use tokio::net::UnixStream;

use crate::support::{Client, Served, serve_on};

/// A directory of the test's own, and a path for a socket in it.
pub(crate) struct Place {
    pub(crate) directory: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("test.sock")
    }
}

pub(crate) async fn connect(path: &Path) -> std::io::Result<Client<UnixStream>> {
    if let Some(name) = path.to_str().unwrap().strip_prefix('@') {
        use std::os::linux::net::SocketAddrExt;
        let addr = std::os::unix::net::SocketAddr::from_abstract_name(name).unwrap();
        let stream = std::os::unix::net::UnixStream::connect_addr(&addr)?;
        stream.set_nonblocking(true)?;
        return Ok(Client::over(UnixStream::from_std(stream)?));
    }
    UnixStream::connect(path).await.map(Client::over)
}

pub(crate) async fn serve(
    path: &Path,
    router: axum::Router,
    with: impl FnOnce(Server<axum::Router>) -> Server<axum::Router>,
) -> Served {
    serve_on(Listener::bind_unix(path).await.unwrap(), ([0, 0, 0, 0], 0).into(), router, with)
}
