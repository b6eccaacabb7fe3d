//! A helper process that cleans up when this process is killed: no other process can then end what the service started.

use std::ffi::OsString;
use std::fs;
use std::io::{self, BufRead, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::child::exclude;

/// The argument that makes the command run as the janitor.
pub const JANITOR: &str = "rehearse-janitor";
/// The message that there is nothing to clean up.
const DONE: &[u8] = b"done";

/// A handle to the janitor process. Without a janitor, a rehearsal that is killed leaves its folder behind, and what the service
/// started.
#[derive(Debug)]
pub(super) struct Janitor(Option<(Child, ChildStdin)>);

impl Janitor {
    /// Starts the janitor, if possible.
    pub(super) fn start(program: Option<&Path>) -> Self {
        Self(program.and_then(|program| Self::spawn(program).ok()))
    }

    fn spawn(program: &Path) -> io::Result<(Child, ChildStdin)> {
        let mut command = Command::new(program);
        command.arg(JANITOR).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        // Ctrl-C at the terminal must reach only the rehearsal.
        command.process_group(0);
        let mut child = command.spawn()?;
        exclude(Pid::from_child(&child));
        let stdin = child.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
        Ok((child, stdin))
    }

    /// Sends the folder in use, and the process group when there is one.
    pub(super) fn watch(&mut self, folder: &Path, group: Option<Pid>) {
        let group = group.map_or(0, |group| group.as_raw_nonzero().get());
        let mut line = format!("{group} ").into_bytes();
        line.extend_from_slice(folder.as_os_str().as_bytes());
        self.tell(&line);
    }

    /// Sends that a run has finished.
    pub(super) fn forget(&mut self) {
        self.tell(DONE);
    }

    fn tell(&mut self, line: &[u8]) {
        if let Some((_, stdin)) = &mut self.0 {
            // Without a janitor nothing is cleaned up, which matters only if this process is killed.
            let _gone = stdin.write_all(&[line, b"\n"].concat());
        }
    }
}

impl Drop for Janitor {
    fn drop(&mut self) {
        self.forget();
        if let Some((mut child, stdin)) = self.0.take() {
            drop(stdin);
            let _ended = child.wait();
        }
    }
}

/// Reads from standard input what is in use until the input ends, then cleans it up.
pub fn janitor() {
    let mut last = Vec::new();
    for line in io::stdin().lock().split(b'\n').map_while(Result::ok) {
        last = line;
    }
    let Some((group, folder)) = parse(&last) else { return };
    // A process may have started another one before it was killed: repeat until there is none.
    for _ in 0..100 {
        if let Some(group) = group {
            let _none = kill_process_group(group, Signal::KILL);
        }
        let found = with_report_in(&folder);
        for pid in &found {
            let _gone = kill_process(*pid, Signal::KILL);
        }
        if found.is_empty() {
            break;
        }
        thread::sleep(Duration::from_millis(10));
    }
    let _gone = fs::remove_dir_all(&folder);
}

fn parse(line: &[u8]) -> Option<(Option<Pid>, PathBuf)> {
    let at = line.iter().position(|byte| *byte == b' ')?;
    let group = std::str::from_utf8(line.get(..at)?).ok()?.parse().ok()?;
    let folder = OsString::from_vec(line.get(at.checked_add(1)?..)?.to_vec());
    Some((Pid::from_raw(group), folder.into()))
}

/// Returns every process that has inherited the service's environment.
fn with_report_in(folder: &Path) -> Vec<Pid> {
    let mut mark = b"EBBTIDE_REPORT=".to_vec();
    mark.extend_from_slice(folder.as_os_str().as_bytes());
    mark.push(b'/');
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let marked = pids.filter(|pid| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable.starts_with(&mark))
    });
    marked.filter_map(Pid::from_raw).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_janitor_parses_its_own_messages() {
        let (group, folder) = parse(b"7 /tmp/a b").unwrap();
        assert_eq!((group, folder), (Pid::from_raw(7), PathBuf::from("/tmp/a b")));
        assert_eq!(parse(b"0 /tmp/a").unwrap().0, None);
        assert!(parse(DONE).is_none() && parse(b"").is_none());
    }
}
