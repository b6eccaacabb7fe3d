//! A running service, and the last lines of its output.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::thread::Builder;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, Rlimit, Signal, kill_process, kill_process_group, pidfd_open};
use thiserror::Error;
use tokio::sync::oneshot;

use super::descendants::{end_descendants, members};
use super::exec;
use super::exec_failure::ExecFailure;
use crate::clock::{At, Clock};
use crate::record::Ended;

/// A started service. Dropping it ends its whole process group.
#[derive(Debug)]
pub(crate) struct Service {
    child: Child,
    pid: Pid,
    gone: oneshot::Receiver<At>,
    ended: Option<(At, Ended)>,
    log: PathBuf,
}

impl Service {
    /// Starts `words` with `env` added to the environment of this process. Standard output and error go to the file `log`.
    ///
    /// Call it on the main thread of the process: the service dies with the thread that started it.
    ///
    /// # Errors
    ///
    /// The program cannot be executed, or the log file cannot be created.
    pub(crate) fn start(
        words: &[OsString],
        env: &[(OsString, OsString)],
        log: &Path,
        files: Rlimit,
        clock: Clock,
    ) -> Result<Self, StartError> {
        let (program, args) = words.split_first().ok_or(StartError::Empty)?;
        let mut command = exec::logged(program, args, env, log, files).map_err(StartError::Log)?;
        let failed = |source| StartError::Exec {
            program: program.to_string_lossy().into(),
            why: ExecFailure::of(program, &source),
            source,
        };
        let mut child = command.spawn().map_err(failed)?;
        let pid = Pid::from_child(&child);
        match pidfd_open(pid, PidfdFlags::empty()).map_err(io::Error::from).and_then(|fd| watch(fd, clock)) {
            Ok(gone) => Ok(Self { child, pid, gone, ended: None, log: log.to_owned() }),
            Err(source) => {
                let _gone = child.kill().and_then(|()| child.wait());
                Err(StartError::Watch(source))
            }
        }
    }

    /// Returns the process id, which is also the id of the process group.
    pub(crate) fn pid(&self) -> Pid {
        self.pid
    }

    /// Returns the path of the output file.
    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    /// Sends `signal` to the process alone, as platforms do.
    pub(crate) fn signal(&self, signal: Signal) {
        if self.ended.is_none() {
            // It fails only if the process has exited, which `ended` reports.
            let _gone = kill_process(self.pid, signal);
        }
    }

    /// Sends `signal` to every process of the service, as a platform does that stops a control group.
    pub(crate) fn signal_all(&self, signal: Signal) {
        if self.ended.is_none() {
            for pid in members(self.pid).into_iter().filter_map(Pid::from_raw) {
                let _gone = kill_process(pid, signal);
            }
        }
    }

    /// Sends SIGKILL to its process group.
    pub(crate) fn kill(&self) {
        if self.ended.is_none() {
            let _gone = kill_process_group(self.pid, Signal::KILL);
        }
    }

    /// Waits until the process has ended, and returns when and how.
    ///
    /// # Errors
    ///
    /// The kernel cannot report the exit, which does not happen for a child process.
    ///
    /// # Cancel safety
    ///
    /// May be dropped and called again at any time.
    pub(crate) async fn ended(&mut self) -> io::Result<(At, Ended)> {
        if let Some(ended) = self.ended {
            return Ok(ended);
        }
        let at = (&mut self.gone).await.map_err(io::Error::other)?;
        let ended = (at, how(self.child.wait()?));
        self.ended = Some(ended);
        Ok(ended)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if self.ended.is_none() {
            self.kill();
            let _gone = self.child.wait();
        }
        end_descendants(self.pid);
    }
}

/// Why a service could not be started.
#[derive(Debug, Error)]
pub enum StartError {
    /// No program was named.
    #[error("no program was given")]
    Empty,
    /// The program cannot be executed.
    #[error("cannot execute `{program}`")]
    Exec {
        /// The program.
        program: String,
        /// What the error means for the named file.
        why: ExecFailure,
        /// The error.
        source: io::Error,
    },
    /// The output file cannot be created.
    #[error("cannot create the output file: {0}")]
    Log(io::Error),
    /// The exit of the process cannot be watched.
    #[error("cannot watch the process (pidfd, Linux 5.3 or later): {0}")]
    Watch(io::Error),
}

/// Returns the last `lines` lines of the file `log`, without terminal colours; empty when there are none.
pub(crate) fn tail(log: &Path, lines: usize) -> Vec<String> {
    let text = end_of(log, 64 * 1024).unwrap_or_default();
    let text = anstream::adapter::strip_str(&text).to_string();
    let all: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    all.iter().skip(all.len().saturating_sub(lines)).map(|line| (*line).to_owned()).collect()
}

/// Reports the time at which the process behind `pidfd` ends, measured on a dedicated thread.
pub(super) fn watch(pidfd: OwnedFd, clock: Clock) -> io::Result<oneshot::Receiver<At>> {
    let (tell, gone) = oneshot::channel();
    Builder::new().name("exit".into()).spawn(move || {
        let mut wanted = [PollFd::new(&pidfd, PollFlags::IN)];
        while poll(&mut wanted, None) == Err(rustix::io::Errno::INTR) {}
        // The receiver may have been interrupted.
        let _gone = tell.send(clock.now());
    })?;
    Ok(gone)
}

pub(super) fn how(status: ExitStatus) -> Ended {
    match (status.code(), status.signal()) {
        (Some(code), _) => Ended::Code(code),
        (None, signal) => Ended::Signal(signal.unwrap_or_default()),
    }
}

fn end_of(log: &Path, most: u64) -> io::Result<String> {
    let mut file = File::open(log)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(most)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_form;

    #[test]
    fn error_texts_have_the_form() {
        error_form::walk! {
            StartError::Empty => StartError::Empty;
            StartError::Exec { .. } => StartError::Exec { program: "./orders".to_owned(), why: ExecFailure::NoSuchFile, source: io::Error::other("not found") };
            StartError::Log(_) => StartError::Log(io::Error::other("disk full"));
            StartError::Watch(_) => StartError::Watch(io::Error::other("not implemented"));
        }
    }
}
