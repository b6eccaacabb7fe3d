use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, geteuid, kill_process};

use crate::failure::Failure;
use crate::shell;

/// A server's process. Dropping it stops the process in order; the kernel kills it if xtask dies first.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    ending: Ending,
}

/// The signal that ends a server quickly and in order.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ending {
    Terminate,
    Interrupt,
    /// SIGKILL: for a server that has nothing to lose.
    Kill,
}

impl Process {
    /// Returns a command that runs a program as another user, and that the kernel ends when xtask dies.
    pub(super) fn command(program: &Path, account: &Account, ending: Ending) -> Command {
        if shell::find_program("setpriv").is_none() {
            return Command::new(program);
        }
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", ending.name()]).args(account.options()).arg("--").arg(program);
        command
    }

    /// Starts the process in this folder. Its output is kept in `log`.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub(super) fn start(command: &mut Command, folder: &Path, ending: Ending) -> Result<Self, Failure> {
        let mut log = fs::File::options();
        let open_log = log.create(true).append(true).open(folder.join("log"));
        let output = open_log.map_err(Failure::io("create a server's log"))?;
        let errors = output.try_clone().map_err(Failure::io("share a server's log"))?;
        command.current_dir(folder).stdin(Stdio::null()).stdout(output).stderr(errors);
        // A separate process group: Ctrl-C goes to the tests first, which need their servers until they have ended.
        let child = command.process_group(0).spawn();
        Ok(Self { child: child.map_err(Failure::io("start a server"))?, ending })
    }

    pub(super) fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }
}

impl Ending {
    /// The signal's name for `setpriv`.
    const fn name(self) -> &'static str {
        match self {
            Self::Terminate => "TERM",
            Self::Interrupt => "INT",
            Self::Kill => "KILL",
        }
    }

    const fn signal(self) -> Signal {
        match self {
            Self::Terminate => Signal::TERM,
            Self::Interrupt => Signal::INT,
            Self::Kill => Signal::KILL,
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _gone = kill_process(pid, self.ending.signal());
        }
        let _status = self.child.wait();
    }
}

/// The user that a server runs as when it must not be root: PostgreSQL and RabbitMQ refuse to run as root.
#[derive(Debug)]
pub(super) struct Account(Option<&'static str>);

impl Account {
    /// Returns the package's user, or the user `nobody` if there is none. Without root, returns the current user.
    pub(super) fn of(package: &'static str) -> Self {
        let users = || fs::read_to_string("/etc/passwd").unwrap_or_default();
        let known = |name: &str| users().lines().any(|line| line.split(':').next() == Some(name));
        Self(match geteuid().is_root() {
            false => None,
            true if known(package) => Some(package),
            true => Some("nobody"),
        })
    }

    /// Returns the current user, for a server that is built under `target/`, where other users may not read it.
    pub(super) const fn ours() -> Self {
        Self(None)
    }

    /// Makes the user the owner of a folder.
    ///
    /// # Errors
    ///
    /// When the owner cannot be changed.
    pub(super) fn give(&self, folder: &Path) -> Result<(), Failure> {
        let Some(user) = self.0 else { return Ok(()) };
        shell::run(Command::new("chown").arg(user).arg(folder))
    }

    /// Returns the options that make `setpriv` switch to that user.
    fn options(&self) -> Vec<String> {
        let become_them = |user| vec![format!("--reuid={user}"), "--clear-groups".to_owned()];
        self.0.map(become_them).unwrap_or_default()
    }
}
