//! Reads from `/proc` how the service handles the stop signal, and where it listens.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Pid, Signal};
use tokio::time::sleep;

use super::descendants::Family;
use super::listening::{ListeningSocket, listening_sockets};
use crate::record::{Endpoint, SignalState};

/// How often a blocked signal is read again: while a thread is created, the C library blocks every signal in
/// the creating thread, and one read may coincide with that.
const LOOKS: u32 = 10;

/// Longer than the creation of a thread takes.
const PAUSE: Duration = Duration::from_millis(2);

/// Reads from `/proc/PID/status` how `pid` handles `signal`. `None`: the process has exited.
pub(crate) async fn signal_state(pid: Pid, signal: Signal) -> Option<SignalState> {
    let path = format!("/proc/{}/status", pid.as_raw_nonzero());
    settled(|| parse_status(&fs::read_to_string(&path).ok()?, signal.as_raw())).await
}

/// Reads again while the signal is blocked, a limited number of times.
async fn settled(mut look: impl FnMut() -> Option<SignalState>) -> Option<SignalState> {
    let mut state = look()?;
    for _ in 0..LOOKS {
        if !state.blocked {
            break;
        }
        sleep(PAUSE).await;
        state = look()?;
    }
    Some(state)
}

fn parse_status(status: &str, signal: i32) -> Option<SignalState> {
    let field = |name: &str| {
        status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
    };
    let bit = 1_u64 << u32::try_from(signal.checked_sub(1)?).ok()?;
    let has =
        |name| field(name).and_then(|mask| u64::from_str_radix(mask, 16).ok()).map(|mask| mask & bit != 0);
    Some(SignalState {
        caught: has("SigCgt")?,
        blocked: has("SigBlk")?,
        ignored: has("SigIgn")?,
        pid_one: field("NSpid").is_some_and(|ids| ids.split_whitespace().next_back() == Some("1")),
    })
}

/// The flag of a listening socket in `/proc/net/unix` (`__SO_ACCEPTCON`).
const ACCEPTS: &str = "00010000";
/// The type of a stream socket there (`SOCK_STREAM`).
const STREAM: &str = "0001";

/// The processes that have each socket open, by its inode.
type Owners = HashMap<String, i32>;

fn owners_of_sockets(pids: &[i32]) -> Owners {
    pids.iter().flat_map(|pid| sockets(*pid).into_iter().map(move |inode| (inode, *pid))).collect()
}

/// Returns the addresses on which the processes of the service listen.
pub(crate) fn listeners(family: Family) -> Vec<String> {
    let owners = owners_of_sockets(&family.members());
    let of_service = |socket: &ListeningSocket| owners.contains_key(&socket.inode);
    let mut found: Vec<String> =
        listening_sockets().into_iter().filter(of_service).map(|socket| socket.local.to_string()).collect();
    found.extend(unix_table().lines().filter_map(|line| {
        let (inode, path) = unix(line)?;
        let owner = *owners.get(inode)?;
        let path = if path.starts_with('@') { path.into() } else { bound_by(owner, path) };
        Some(Endpoint::Unix(path.into()).to_string())
    }));
    found.sort_unstable();
    found.dedup();
    found
}

/// Returns the paths to which the processes `pids` have bound Unix sockets.
pub(crate) fn bound_paths(pids: &[i32]) -> Vec<PathBuf> {
    let table = unix_table();
    let is_path = |socket: &UnixSocket<'_>| !socket.path.starts_with('@');
    let mut bound = table.lines().filter_map(unix_socket).filter(is_path).peekable();
    if bound.peek().is_none() {
        return Vec::new();
    }
    let owners = owners_of_sockets(pids);
    bound.filter_map(|socket| Some(bound_by(*owners.get(socket.inode)?, socket.path))).collect()
}

/// Returns `path` as process `pid` has bound it: a relative one counts from its folder.
fn bound_by(pid: i32, path: &str) -> PathBuf {
    fs::read_link(format!("/proc/{pid}/cwd")).unwrap_or_default().join(path)
}

/// Returns the inodes of the sockets that process `pid` has open.
pub(super) fn sockets(pid: i32) -> Vec<String> {
    // A first thread that has ended shows no files; the other threads have them.
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let mut of_threads = threads.map(|thread| sockets_in(&thread.path().join("fd")));
    of_threads.find(|found| !found.is_empty()).unwrap_or_default()
}

fn sockets_in(folder: &Path) -> Vec<String> {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let links = files.filter_map(|file| fs::read_link(file.path()).ok());
    links
        .filter_map(|link| Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
        .collect()
}

/// Returns the inodes of the stream sockets that listen at `path`.
pub(super) fn listening_at(path: &Path) -> Vec<String> {
    let table = unix_table();
    // One that was bound to a relative path is known by its end.
    let found = table.lines().filter_map(unix).filter(|(_, bound)| path.ends_with(bound));
    found.map(|(inode, _)| inode.to_owned()).collect()
}

/// The kernel's table of Unix sockets, in which paths may be any bytes.
fn unix_table() -> String {
    String::from_utf8_lossy(&fs::read("/proc/net/unix").unwrap_or_default()).into_owned()
}

/// Returns the inode of a stream socket that listens, and its path.
fn unix(line: &str) -> Option<(&str, &str)> {
    let socket = unix_socket(line)?;
    (socket.flags == ACCEPTS && socket.kind == STREAM).then_some((socket.inode, socket.path))
}

/// A line of the kernel's table of Unix sockets.
struct UnixSocket<'a> {
    flags: &'a str,
    kind: &'a str,
    inode: &'a str,
    path: &'a str,
}

/// Returns a socket that is bound to a path, which may contain spaces, or to a name.
fn unix_socket(line: &str) -> Option<UnixSocket<'_>> {
    let mut rest = line;
    let mut field = || {
        let (field, after) = rest.trim_start_matches(' ').split_once(' ')?;
        rest = after;
        Some(field)
    };
    let [_, _, _, flags, kind, _, inode] = [(); 7].map(|()| field());
    (!rest.is_empty()).then_some(UnixSocket { flags: flags?, kind: kind?, inode: inode?, path: rest })
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    const STATUS: &str = "Name:\tx\nNSpid:\t812\t1\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000001000\n\
                          SigCgt:\t0000000000004002\n";

    #[test]
    fn handled_ignored_and_default_signals_are_distinguished() {
        let state = |signal| parse_status(STATUS, signal).unwrap();
        assert!(state(15).caught && state(2).caught && state(15).pid_one);
        assert!(state(13).ignored && !state(13).caught);
        assert!(!state(1).caught && !state(1).blocked && !state(1).ignored);
    }

    /// Looks at a process whose signal is as `seen` says, and then as it was last. Returns whether it is found to be blocked, the
    /// number of looks, and how long they took.
    #[expect(clippy::disallowed_methods, reason = "a paused clock")]
    async fn looked_at(seen: &[Option<bool>]) -> (Option<bool>, usize, Duration) {
        let free = parse_status(STATUS, 15).unwrap();
        let mut looks = 0;
        let begun = Instant::now();
        let state = settled(|| {
            looks += 1;
            let blocked = *seen.get(looks - 1).or(seen.last()).unwrap();
            blocked.map(|blocked| SignalState { blocked, ..free })
        });
        let state = state.await;
        (state.map(|state| state.blocked), looks, begun.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_signal_that_is_blocked_briefly_counts_as_unblocked() {
        let three_times = [Some(true), Some(true), Some(true), Some(false)];
        assert_eq!(looked_at(&three_times).await, (Some(false), 4, PAUSE * 3));
        assert_eq!(looked_at(&[Some(false)]).await, (Some(false), 1, Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn a_signal_that_stays_blocked_is_reported_after_a_limited_number_of_reads() {
        assert_eq!(looked_at(&[Some(true)]).await, (Some(true), 11, PAUSE * 10));
    }

    #[tokio::test(start_paused = true)]
    async fn a_process_that_exits_between_two_polls_is_reported_as_exited() {
        assert_eq!(looked_at(&[Some(true), None]).await, (None, 2, PAUSE));
    }

    #[test]
    fn a_unix_socket_that_listens_is_read_from_the_kernels_table() {
        let line = "0000000000000000: 00000002 00000000 00010000 0001 01     8 /run/a b.sock";
        assert_eq!(unix(line), Some(("8", "/run/a b.sock")));
        assert_eq!(unix(&line.replace(" 0001 ", " 0005 ")), None, "a socket of packets");
        assert_eq!(unix(&line.replace(" 00010000 ", " 00000000 ")), None, "a connection");
        assert_eq!(unix("0000000000000000: 00000003 00000000 00000000 0001 03 21"), None);
    }
}
