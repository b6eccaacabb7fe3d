use std::fs;
use std::path::Path;
use std::process::Command;

use crate::failure::Failure;
use crate::shell;

/// The user that a server runs as, where it must not be us: PostgreSQL and RabbitMQ want nothing to do with root.
#[derive(Debug)]
pub(super) struct Account(Option<&'static str>);

impl Account {
    /// The package's own user, or nobody where there is none. Who isn't root can only be who they are.
    pub(super) fn of(package: &'static str) -> Self {
        let users = || fs::read_to_string("/etc/passwd").unwrap_or_default();
        let known = |name: &str| users().lines().any(|line| line.split(':').next() == Some(name));
        Self(match rustix::process::geteuid().is_root() {
            false => None,
            true if known(package) => Some(package),
            true => Some("nobody"),
        })
    }

    /// Whoever we are, for a server that we have built ourselves, where others cannot read it.
    pub(super) const fn ours() -> Self {
        Self(None)
    }

    /// Makes a folder theirs.
    ///
    /// # Errors
    ///
    /// When it cannot be given away.
    pub(super) fn give(&self, folder: &Path) -> Result<(), Failure> {
        let Some(user) = self.0 else { return Ok(()) };
        shell::run(Command::new("chown").arg(user).arg(folder))
    }

    /// The options by which `setpriv` becomes that user.
    pub(super) fn options(&self) -> Vec<String> {
        let become_them = |user| vec![format!("--reuid={user}"), "--clear-groups".to_owned()];
        self.0.map(become_them).unwrap_or_default()
    }
}
