//! The process of a service, and the last lines of its output.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::thread::Builder;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, Rlimit, Signal, kill_process, kill_process_group, pidfd_open};
use thiserror::Error;
use tokio::sync::oneshot;
use tokio::time::sleep;

use super::aftermath::Aftermath;
use super::attached::{AttachError, Attached, NotAttached};
use super::descendants::{Family, end_descendants, survivors};
use super::exec;
use super::exec_failure::ExecFailure;
use super::pid_one::{self, Spawned};
use crate::clock::{At, Clock};
use crate::record::Ended;

/// A service that is rehearsed. Dropping one that was started ends its whole process group.
#[derive(Debug)]
pub(crate) struct Service {
    process: Process,
    pid: Pid,
    gone: oneshot::Receiver<At>,
    ended: Option<(At, Ended)>,
    /// When a process that it started was last seen to outlive it.
    outlived_until: Option<At>,
    log: PathBuf,
}

/// How the process is related to this one.
#[derive(Debug)]
enum Process {
    /// A child.
    Child(Child),
    /// The child of this holder, and PID 1 of a namespace.
    PidOne(Child),
    /// One that was running.
    Attached(Attached),
}

/// The interval between two looks at the processes that outlive a service.
const LOOK: Duration = Duration::from_millis(5);

impl Service {
    /// Starts `words` in `folder` with `env` added to the environment of this process, as PID 1 of a namespace if `pid_one`. Standard output and error
    /// go to the file `log`.
    ///
    /// Call it on the main thread of the process: the service dies with the thread that started it.
    ///
    /// # Errors
    ///
    /// The program cannot be executed, the log file or the namespace cannot be created.
    pub(crate) fn start(
        words: &[OsString],
        env: &[(OsString, OsString)],
        folder: Option<&Path>,
        log: &Path,
        files: Rlimit,
        pid_one: bool,
        clock: Clock,
    ) -> Result<Self, StartError> {
        let (program, args) = words.split_first().ok_or(StartError::Empty)?;
        let mut command = exec::logged(program, args, env, folder, log).map_err(StartError::Log)?;
        let failed = |source| StartError::Exec {
            program: program.to_string_lossy().into(),
            why: ExecFailure::of(program, &source),
            source,
        };
        let (mut process, pid) = if pid_one {
            let announcement = pid_one::enter(&mut command).map_err(StartError::Namespace)?;
            exec::standardise(&mut command, files);
            match announcement.spawn(command) {
                Spawned::Runs(holder, pid) => (Process::PidOne(holder), pid),
                Spawned::NoNamespace(error) => return Err(StartError::Namespace(error)),
                Spawned::NotExecuted(error) => return Err(failed(error)),
            }
        } else {
            exec::standardise(&mut command, files);
            let child = command.spawn().map_err(failed)?;
            let pid = Pid::from_child(&child);
            (Process::Child(child), pid)
        };
        match pidfd_open(pid, PidfdFlags::empty()).map_err(io::Error::from).and_then(|fd| watch(fd, clock)) {
            Ok(gone) => {
                Ok(Self { process, pid, gone, ended: None, outlived_until: None, log: log.to_owned() })
            }
            Err(source) => {
                let _gone = kill_process_group(pid, Signal::KILL);
                let _gone = process.how(pid);
                Err(StartError::Watch(source))
            }
        }
    }

    /// Attaches to the running process `pid`, whose output is unknown: `log` does not exist.
    ///
    /// # Errors
    ///
    /// The process is none that can be rehearsed.
    pub(crate) fn attach(pid: i32, log: &Path, clock: Clock) -> Result<Self, AttachError> {
        let (attached, process) = Attached::to(pid)?;
        let gone = attached.descriptor().and_then(|fd| watch(fd, clock));
        let gone = gone.map_err(|error| AttachError { pid, why: NotAttached::Kernel(error) })?;
        let process_of = Process::Attached(attached);
        Ok(Self {
            process: process_of,
            pid: process,
            gone,
            ended: None,
            outlived_until: None,
            log: log.to_owned(),
        })
    }

    /// Returns the process id. It is also the id of the process group of a service that was started.
    pub(crate) fn pid(&self) -> Pid {
        self.pid
    }

    /// Returns the processes of the service.
    pub(crate) fn family(&self) -> Family {
        match self.process {
            Process::Attached(_) => Family::Attached(self.pid),
            Process::Child(_) | Process::PidOne(_) => Family::Started(self.pid),
        }
    }

    /// Returns the path of the output file.
    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    /// Sends `signal` to the process alone, as platforms do.
    pub(crate) fn signal(&mut self, signal: Signal) {
        if self.ended.is_some() {
            return;
        }
        // It fails only if the process has exited, which `ended` reports.
        match &mut self.process {
            Process::Attached(attached) => attached.signal(self.pid, signal),
            Process::Child(_) | Process::PidOne(_) => {
                let _gone = kill_process(self.pid, signal);
            }
        }
    }

    /// Sends `signal` to every process of the service, as a platform does that stops a control group.
    pub(crate) fn signal_all(&mut self, signal: Signal) {
        if self.ended.is_none() {
            let others = self.family().members();
            self.signal(signal);
            for pid in others.into_iter().filter_map(Pid::from_raw).filter(|pid| *pid != self.pid) {
                let _gone = kill_process(pid, signal);
            }
        }
    }

    /// Sends SIGKILL to its process group; to each of its processes, if it was running before.
    pub(crate) fn kill(&mut self) {
        if self.ended.is_none() {
            match self.process {
                Process::Attached(_) => self.signal_all(Signal::KILL),
                Process::Child(_) | Process::PidOne(_) => {
                    let _gone = kill_process_group(self.pid, Signal::KILL);
                }
            }
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
        let ended = (at, self.process.how(self.pid)?);
        self.ended = Some(ended);
        Ok(ended)
    }

    /// Waits until this process and each one that it started have ended. Returns when the last one did, and how this one did. What a process
    /// started that this one has not started is not known, and what a PID 1 started ends with it.
    ///
    /// # Cancel safety
    ///
    /// May be dropped and called again at any time.
    pub(crate) async fn all_ended(&mut self, clock: Clock) -> io::Result<(At, Ended)> {
        let (at, ended) = self.ended().await?;
        if matches!(self.process, Process::Child(_)) {
            while !survivors(self.pid).is_empty() {
                self.outlived_until = Some(clock.now());
                sleep(LOOK).await;
            }
        }
        Ok((self.outlived_until.unwrap_or(at), ended))
    }

    /// Watches for `time` the processes that outlive this one, which has ended, and longer if some do.
    pub(crate) async fn aftermath(&self, time: Duration, clock: Clock) -> Aftermath {
        match &self.process {
            Process::Attached(attached) => Aftermath::watch_attached(attached.relatives(), time, clock).await,
            Process::Child(_) | Process::PidOne(_) => Aftermath::watch(self.pid, time, clock).await,
        }
    }
}

impl Process {
    /// Waits for the end of the process, whose id is `pid`, and returns how it ended.
    fn how(&mut self, pid: Pid) -> io::Result<Ended> {
        match self {
            Self::Child(child) => child.wait().map(how),
            Self::PidOne(holder) => pid_one::ended(holder, pid).map(how),
            Self::Attached(attached) => Ok(attached.how()),
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if matches!(self.process, Process::Attached(_)) {
            return;
        }
        if self.ended.is_none() {
            self.kill();
            let _gone = self.process.how(self.pid);
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
    /// A PID namespace cannot be created.
    #[error("cannot create a PID namespace")]
    Namespace(#[source] io::Error),
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
            StartError::Namespace(_) => StartError::Namespace(io::Error::from_raw_os_error(libc::EPERM));
            StartError::Log(_) => StartError::Log(io::Error::other("disk full"));
            StartError::Watch(_) => StartError::Watch(io::Error::other("not implemented"));
        }
    }
}
