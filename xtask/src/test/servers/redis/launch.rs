use std::path::Path;

use crate::failure::Failure;
use crate::test::servers::account::Account;
use crate::test::servers::process::{Ending, Process};
use crate::test::tools;

/// Starts a Redis that writes nothing to the disk.
///
/// # Errors
///
/// When Redis cannot be installed, or does not run here.
pub(super) fn launch(folder: &Path, port: u16) -> Result<Vec<Process>, Failure> {
    let program = tools::find_or_install("redis-server", "redis-server")?;
    let account = Account::of("redis");
    account.give(folder)?;
    let mut redis = Process::command(&program, &account, Ending::Terminate);
    redis.args(["--bind", "127.0.0.1", "--port", &port.to_string()]);
    redis.args(["--save", "", "--appendonly", "no", "--daemonize", "no"]);
    Ok(vec![Process::start(&mut redis, folder, Ending::Terminate)?])
}
