//! The file of a Unix socket: which process gets the path, and when the file is replaced or removed.

use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::time::Duration;

use ebbtide::http::{Listener, Server};
use tokio::task::JoinSet;

use crate::support::{PING, PING_CLOSE, PausedClock, cause, ping, settle, stop_source};
use crate::unix::{Place, connect, serve};

#[tokio::test]
async fn a_stale_socket_file_is_replaced() {
    let place = Place::new();
    let left = std::os::unix::net::UnixListener::bind(place.path()).unwrap();
    drop(left);
    assert!(place.path().exists(), "a process that is killed leaves its file");
    let mut served = serve(&place.path(), ping(), |server| server).await;
    let mut client = connect(&place.path()).await.unwrap();
    client.send(PING_CLOSE).await.unwrap();
    assert!(client.response().await.unwrap().is_ok());
    served.stop();
    served.ended().await;
    assert!(!place.path().exists());
}

#[tokio::test]
async fn a_unix_path_in_use_is_refused_and_not_changed() {
    let place = Place::new();
    let first = Listener::bind_unix(place.path()).await.unwrap();
    let error = Listener::bind_unix(place.path()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    let path = place.path();
    let said = format!("another process listens on {}: stop it, or choose another path", path.display());
    assert_eq!(error.to_string(), said);
    assert!(connect(&place.path()).await.is_ok());
    drop(first);
    assert!(!place.path().exists());
    let name = format!("@ebbtide-taken-{}", std::process::id());
    let _first = Listener::bind_unix(&name).await.unwrap();
    assert_eq!(Listener::bind_unix(&name).await.unwrap_err().kind(), ErrorKind::AddrInUse);
}

/// Of several servers that start at once, only one gets the path, with or without a stale file.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_servers_that_start_at_once_one_gets_the_unix_path() {
    let place = Place::new();
    for _ in 0..50 {
        drop(std::os::unix::net::UnixListener::bind(place.path()).unwrap());
        let mut starts = JoinSet::new();
        for _ in 0..4 {
            let path = place.path();
            starts.spawn(async move { Listener::bind_unix(path).await });
        }
        let bound: Vec<_> = starts.join_all().await.into_iter().filter_map(Result::ok).collect();
        assert_eq!(bound.len(), 1);
        assert!(connect(&place.path()).await.is_ok(), "the path leads to that server");
    }
}

/// Between bind and listen a socket looks stale: a second server has to wait until the first has finished.
#[tokio::test]
async fn binding_waits_for_another_bind_in_the_same_directory() {
    let place = Place::new();
    let directory = std::fs::File::open(place.directory.path()).unwrap();
    rustix::fs::flock(&directory, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let mut binding = JoinSet::new();
    let path = place.path();
    let clock = PausedClock::new();
    binding.spawn(async move { Listener::bind_unix(path).await });
    settle().await;
    // The second server checks every 5 ms, for a second at most.
    for _ in 0..50 {
        clock.advance(Duration::from_millis(10)).await;
        assert!(binding.try_join_next().is_none() && !place.path().exists());
    }
    drop(directory);
    clock.advance(Duration::from_millis(10)).await;
    binding.join_next().await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn a_file_that_is_not_a_socket_is_not_replaced() {
    let place = Place::new();
    std::fs::write(place.path(), "precious").unwrap();
    let error = Listener::bind_unix(place.path()).await.unwrap_err();
    assert!(error.to_string().ends_with("exists and is not a socket: move it away, or choose another path"));
    assert_eq!(std::fs::read(place.path()).unwrap(), b"precious");
    let error = Listener::bind_unix("/nowhere/at/all.sock").await.unwrap_err();
    assert!(error.to_string().starts_with("cannot listen on /nowhere/at/all.sock: No such file"), "{error}");
    let long = place.directory.path().join("x".repeat(200));
    assert!(Listener::bind_unix(long).await.unwrap_err().to_string().contains("shorter than"));
}

#[tokio::test]
async fn the_files_mode_can_be_chosen() {
    let place = Place::new();
    for mode in [0o600, 0o660, 0o666] {
        let _listener = Listener::bind_unix_with_mode(place.path(), mode).await.unwrap();
        let metadata = std::fs::symlink_metadata(place.path()).unwrap();
        assert!(metadata.file_type().is_socket());
        assert_eq!(metadata.permissions().mode() & 0o777, mode);
    }
}

#[tokio::test]
async fn a_shared_unix_socket_still_accepts_after_the_server() {
    let place = Place::new();
    let socket = std::os::unix::net::UnixListener::bind(place.path()).unwrap();
    let next = Listener::shared_from_std_unix(socket.try_clone().unwrap()).unwrap();
    let first = stop_source();
    first.stop(cause(), None);
    let listener = Listener::shared_from_std_unix(socket).unwrap();
    Server::new(ping()).serve(listener, first.token(), first.token()).await.unwrap();
    let mut client = connect(&place.path()).await.expect("a connection");
    client.send(PING).await.unwrap();
    let second = stop_source();
    let serving = Server::new(ping()).serve(next, second.token(), second.token());
    let talk = async {
        assert!(client.response().await.expect("an answer").is_ok());
        drop(client);
        second.stop(cause(), None);
    };
    let (served, ()) = tokio::join!(serving, talk);
    served.unwrap();
}
