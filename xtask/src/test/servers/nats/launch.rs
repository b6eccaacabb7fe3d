use std::path::Path;

use crate::failure::Failure;
use crate::test::servers::account::Account;
use crate::test::servers::process::{Ending, Process};
use crate::test::tools;

/// Starts a NATS server with JetStream, whose streams are in the folder.
///
/// # Errors
///
/// When NATS cannot be installed, or does not run here.
pub(super) fn launch(folder: &Path, port: u16) -> Result<Vec<Process>, Failure> {
    let program = tools::find_or_install("nats-server", "nats-server")?;
    let account = Account::of("nats");
    account.give(folder)?;
    let mut nats = Process::command(&program, &account, Ending::Terminate);
    nats.args(["--addr", "127.0.0.1", "--port", &port.to_string(), "--jetstream", "--store_dir"]);
    nats.arg(folder.join("streams"));
    Ok(vec![Process::start(&mut nats, folder, Ending::Terminate)?])
}
