//! A service that ran before the rehearsal, which is neither its parent nor the one to end it.

use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, getpid, pidfd_open, pidfd_send_signal, test_kill_process,
    waitid,
};
use thiserror::Error;

use super::descendants::Family;
use crate::record::{Ended, Orphan};

/// The process of a service that was running.
#[derive(Debug)]
pub(super) struct Attached {
    /// Refers to the process also when its id belongs to another one.
    process: OwnedFd,
    /// What it had started when the first signal was sent.
    relatives: Vec<Relative>,
}

impl Attached {
    /// Attaches to the process `pid`.
    pub(super) fn to(pid: i32) -> Result<(Self, Pid), AttachError> {
        let not = |why| AttachError { pid, why };
        let process = Pid::from_raw(pid).ok_or_else(|| not(NotAttached::NoProcess))?;
        if pid == 1 {
            return Err(not(NotAttached::Init));
        }
        if process == getpid() {
            return Err(not(NotAttached::Itself));
        }
        let why = |error| match error {
            // The id of a thread is that of no process.
            Errno::SRCH | Errno::INVAL | Errno::NOENT => not(NotAttached::NoProcess),
            Errno::PERM => not(NotAttached::OtherUser),
            other => not(NotAttached::Kernel(other.into())),
        };
        let descriptor = pidfd_open(process, PidfdFlags::empty()).map_err(why)?;
        test_kill_process(process).map_err(why)?;
        Ok((Self { process: descriptor, relatives: Vec::new() }, process))
    }

    /// Returns a descriptor that is readable when the process has ended.
    pub(super) fn descriptor(&self) -> io::Result<OwnedFd> {
        self.process.try_clone()
    }

    /// Sends `signal` to the process.
    pub(super) fn signal(&mut self, pid: Pid, signal: Signal) {
        if self.relatives.is_empty() {
            let main = pid.as_raw_nonzero().get();
            let others = Family::Attached(pid).members().into_iter().filter(|pid| *pid != main);
            self.relatives = others.filter_map(Relative::of).collect();
        }
        let _gone = pidfd_send_signal(&self.process, signal);
    }

    /// Returns the processes that the service had started when it was signalled.
    pub(super) fn relatives(&self) -> &[Relative] {
        &self.relatives
    }

    /// Returns how the process, which has ended, did so. Only its parent learns that.
    pub(super) fn how(&self) -> Ended {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        match waitid(WaitId::PidFd(self.process.as_fd()), options) {
            Ok(Some(status)) => match (status.exit_status(), status.terminating_signal()) {
                (Some(code), _) => Ended::Code(code),
                (None, Some(signal)) => Ended::Signal(signal),
                (None, None) => Ended::NotObserved,
            },
            _ => Ended::NotObserved,
        }
    }
}

/// A process of the service beside its first one.
#[derive(Debug)]
pub(super) struct Relative {
    process: Orphan,
    /// When it began, which is another time for another process with its id.
    began: u64,
}

impl Relative {
    fn of(pid: i32) -> Option<Self> {
        let (name, began, is_alive) = look(pid)?;
        is_alive.then_some(Self { process: Orphan { pid, name }, began })
    }

    pub(super) fn is_alive(&self) -> bool {
        look(self.process.pid).is_some_and(|(_, began, is_alive)| is_alive && began == self.began)
    }

    pub(super) fn orphan(&self) -> Orphan {
        self.process.clone()
    }
}

/// The number of fields between the state, the third of `/proc/PID/stat`, and the time of the start, the twenty-second.
const START_AFTER_STATE: usize = 18;

/// Returns the name of process `pid`, when it began, and whether it is alive.
fn look(pid: i32) -> Option<(String, u64, bool)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (head, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    let state = fields.next()?;
    let began = fields.nth(START_AFTER_STATE)?.parse().ok()?;
    Some((head.split_once('(')?.1.to_owned(), began, !matches!(state, "Z" | "X")))
}

/// A running process that cannot be rehearsed.
#[derive(Debug, Error)]
#[error("cannot attach to process {pid}")]
pub struct AttachError {
    /// Its id.
    pub pid: i32,
    /// Why not.
    #[source]
    pub why: NotAttached,
}

/// Why a running process cannot be rehearsed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NotAttached {
    /// It is the first process of the system, or of the container.
    #[error("PID 1 is the whole system or container")]
    Init,
    /// It is the process that rehearses.
    #[error("it is the rehearsal itself")]
    Itself,
    /// There is none.
    #[error("no such process")]
    NoProcess,
    /// This user may not signal it.
    #[error("it belongs to another user")]
    OtherUser,
    /// The kernel cannot watch it.
    #[error("it cannot be watched (pidfd, Linux 5.3 or later): {0}")]
    Kernel(io::Error),
}

impl NotAttached {
    /// Returns advice.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Init | Self::Itself => "name the process id of the service",
            Self::NoProcess => "`pgrep -f PATTERN` finds the process id of the service",
            Self::OtherUser => "run the rehearsal as the user of the service",
            Self::Kernel(_) => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_form;

    #[test]
    fn error_texts_have_the_form() {
        let of = |why| AttachError { pid: 7, why };
        error_form::walk! {
            AttachError { .. } => of(NotAttached::Init), of(NotAttached::NoProcess);
        }
        error_form::walk! {
            NotAttached::Init => NotAttached::Init;
            NotAttached::Itself => NotAttached::Itself;
            NotAttached::NoProcess => NotAttached::NoProcess;
            NotAttached::OtherUser => NotAttached::OtherUser;
            NotAttached::Kernel(_) => NotAttached::Kernel(io::Error::other("not implemented"));
        }
    }

    #[test]
    fn a_process_that_is_none_of_a_service_is_refused() {
        let why = |pid| Attached::to(pid).map(|_| ()).unwrap_err().why;
        assert!(matches!(why(1), NotAttached::Init));
        assert!(matches!(why(getpid().as_raw_nonzero().get()), NotAttached::Itself));
        // Above the largest process id of Linux.
        assert!(matches!(why(i32::MAX), NotAttached::NoProcess));
        assert!(matches!(why(0), NotAttached::NoProcess));
    }
}
