#![expect(clippy::panic, reason = "a broken harness fails its test")]

use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::account::Account;
use crate::Process;

/// Where Debian keeps the programs of each version, which are not on the `PATH`.
const DEBIAN: &str = "/usr/lib/postgresql";

/// Starts a server over the folder, after making a cluster in it where there is none.
pub(super) fn launch(folder: &Path, port: u16) -> Process {
    let (programs, data) = (programs(), folder.join("data"));
    let account = Account::of("postgres");
    if !data.exists() {
        account.give(folder);
        let mut initdb = account.command(programs.join("initdb"), "KILL");
        initdb.args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]);
        let made = initdb.arg("-D").arg(&data).current_dir(folder).stdout(Stdio::null()).status();
        assert!(made.is_ok_and(|made| made.success()), "initdb failed");
    }
    let mut postgres = account.command(programs.join("postgres"), "QUIT");
    postgres.arg("-D").arg(&data).args(["-p", &port.to_string()]).current_dir(folder);
    // It is the process that dies here, not the machine: what was written is there without a flush to the disk.
    for setting in ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off"] {
        postgres.args(["-c", setting]);
    }
    Process::start(&mut postgres)
}

/// The folder of the newest version's programs.
fn programs() -> PathBuf {
    let versions = std::fs::read_dir(DEBIAN).into_iter().flatten().flatten();
    let newest = versions
        .filter_map(|version| {
            let number: u32 = version.file_name().to_str()?.parse().ok()?;
            Some((number, version.path().join("bin")))
        })
        .max()
        .map(|(_, programs)| programs);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = newest.into_iter().chain(std::env::split_paths(&path));
    folders
        .find(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file())
        .unwrap_or_else(|| panic!("no initdb and postgres on the PATH or in {DEBIAN}: install PostgreSQL"))
}
