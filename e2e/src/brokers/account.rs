use std::path::Path;
use std::process::Command;

/// The user that a server runs as, where it must not be us: PostgreSQL and RabbitMQ want nothing to do with root.
#[derive(Clone, Copy, Debug)]
pub(super) struct Account(Option<&'static str>);

impl Account {
    /// The package's own user. Who isn't root can only be who they are.
    pub(super) fn of(package: &'static str) -> Self {
        Self(rustix::process::geteuid().is_root().then_some(package))
    }

    /// Makes a folder theirs.
    pub(super) fn give(self, folder: &Path) {
        if let Some(user) = self.0 {
            let given = Command::new("chown").arg(user).arg(folder).status();
            assert!(given.is_ok_and(|given| given.success()), "chown {user} {} failed", folder.display());
        }
    }

    /// The command that runs a program as them. The kernel sends it that signal when the thread ends that started it, so that a test
    /// that is killed leaves nothing behind.
    pub(super) fn command(self, program: impl AsRef<Path>, at_our_end: &str) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", at_our_end]);
        if let Some(user) = self.0 {
            command.args([&*format!("--reuid={user}"), "--clear-groups"]);
        }
        command.arg("--").arg(program.as_ref());
        command
    }
}
