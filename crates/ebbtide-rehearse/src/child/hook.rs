//! A command that runs beside the service, as a preStop hook.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Child;

use rustix::process::{Pid, PidfdFlags, Rlimit, Signal, kill_process_group, pidfd_open};
use tokio::sync::oneshot;

use super::exec;
use super::exec_failure::ExecFailure;
use super::service::{how, tail, watch};
use crate::clock::{At, Clock};
use crate::record::Ended;

/// A running hook. Dropping it ends its process group, unless it has ended.
#[derive(Debug)]
pub(crate) struct Hook {
    child: Child,
    pid: Pid,
    gone: oneshot::Receiver<At>,
    has_ended: bool,
    log: PathBuf,
}

impl Hook {
    /// Starts `words` in `folder` with `env` added to the environment of this process. Its output goes to the file `log`.
    ///
    /// # Errors
    ///
    /// The program cannot be executed: the reason.
    pub(crate) fn start(
        words: &[OsString],
        env: &[(OsString, OsString)],
        folder: Option<&Path>,
        log: &Path,
        files: Rlimit,
        clock: Clock,
    ) -> Result<Self, String> {
        let (program, args) = words.split_first().ok_or("no program was given")?;
        let command = exec::logged(program, args, env, folder, log);
        let mut command = command.map_err(|error| error.to_string())?;
        exec::standardise(&mut command, files);
        let mut child = command.spawn().map_err(|error| {
            let why = ExecFailure::of(program, &error);
            let hint = why.hint().map_or_else(String::new, |hint| format!(" ({hint})"));
            format!("cannot execute `{}`: {error}{hint}", program.to_string_lossy())
        })?;
        let pid = Pid::from_child(&child);
        let fd = pidfd_open(pid, PidfdFlags::empty()).map_err(std::io::Error::from);
        match fd.and_then(|fd| watch(fd, clock)) {
            Ok(gone) => Ok(Self { child, pid, gone, has_ended: false, log: log.to_owned() }),
            Err(error) => {
                let _gone = child.kill().and_then(|()| child.wait());
                Err(error.to_string())
            }
        }
    }

    /// Waits until the hook has ended.
    ///
    /// # Errors
    ///
    /// It did not succeed: how it ended, and the last line of its output.
    pub(crate) async fn ended(&mut self) -> Result<(), String> {
        (&mut self.gone).await.map_err(|error| error.to_string())?;
        self.has_ended = true;
        match self.child.wait().map(how).map_err(|error| error.to_string())? {
            Ended::Code(0) => Ok(()),
            ended => Err(match tail(&self.log, 1).pop() {
                Some(line) => format!("{ended}; its last output: {line}"),
                None => ended.to_string(),
            }),
        }
    }
}

impl Drop for Hook {
    fn drop(&mut self) {
        // What a hook that has ended leaves running is left, as in a container.
        if !self.has_ended {
            let _gone = kill_process_group(self.pid, Signal::KILL);
            let _gone = self.child.wait();
        }
    }
}
