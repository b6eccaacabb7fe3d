use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::kind::{ServerKind, greet};
use super::process::{Account, Ending, Process};
use crate::failure::Failure;
use crate::shell;
use crate::test::tools;

pub(super) const KIND: ServerKind = ServerKind {
    name: "PostgreSQL",
    variable: "EBBTIDE_TEST_POSTGRES",
    local_port: 5432,
    url: |port| format!("postgres://postgres@127.0.0.1:{port}/postgres"),
    answers,
    launch,
};

/// Where Debian installs the programs of each version. This folder is not on the `PATH`.
const DEBIAN: &str = "/usr/lib/postgresql";

/// PostgreSQL's fast shutdown: it disconnects clients and does not wait for them.
const ENDING: Ending = Ending::Interrupt;

/// Protocol 3.0, user and database `postgres`: a startup message, without its length.
const STARTUP: &[u8] = b"\x00\x03\x00\x00user\0postgres\0database\0postgres\0\0";

/// AuthenticationOk: kind, length, zero. No password was requested.
const AUTHENTICATION_OK: &[u8; 9] = b"R\x00\x00\x00\x08\x00\x00\x00\x00";

/// Returns the folder of PostgreSQL's programs, after installing the package if it is missing.
///
/// # Errors
///
/// When it cannot be installed.
pub(in crate::test) fn find_or_install() -> Result<PathBuf, Failure> {
    if let Some(programs) = find_programs() {
        return Ok(programs);
    }
    tools::install("initdb", "postgresql")?;
    find_programs().ok_or(Failure::MissingTool {
        tool: "initdb",
        package: "postgresql",
        why: "its package did not install it",
    })
}

/// Creates a cluster in the folder, and starts a server on it.
///
/// # Errors
///
/// When PostgreSQL cannot be installed or started.
fn launch(folder: &Path, port: u16) -> Result<Vec<Process>, Failure> {
    let programs = find_or_install()?;
    let account = Account::of("postgres");
    account.give(folder)?;
    let data = folder.join("data");
    let mut initdb = Process::command(&programs.join("initdb"), &account, ENDING);
    initdb.args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "-D"]);
    shell::run(initdb.arg(&data).current_dir(folder).stdout(Stdio::null()))?;

    let mut postgres = Process::command(&programs.join("postgres"), &account, ENDING);
    postgres.arg("-D").arg(&data).args(["-p", &port.to_string()]);
    for setting in ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off"] {
        postgres.args(["-c", setting]);
    }
    Ok(vec![Process::start(&mut postgres, folder, ENDING)?])
}

/// Returns the folder with the programs of the newest version.
fn find_programs() -> Option<PathBuf> {
    let on_path = shell::find_program("initdb").and_then(|initdb| Some(initdb.parent()?.to_owned()));
    let versions = fs::read_dir(DEBIAN).into_iter().flatten().flatten().map(|version| version.path());
    let newest = versions.max_by_key(|path| version_of(path)).map(|version| version.join("bin"));
    newest
        .into_iter()
        .chain(on_path)
        .find(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file())
}

fn version_of(folder: &Path) -> u32 {
    folder.file_name().and_then(OsStr::to_str).and_then(|name| name.parse().ok()).unwrap_or_default()
}

/// Returns whether a PostgreSQL accepts the user `postgres` without a password.
fn answers(port: u16) -> bool {
    ask(port).is_ok_and(|answer| answer == *AUTHENTICATION_OK)
}

fn ask(port: u16) -> io::Result<[u8; 9]> {
    let mut stream = greet(port)?;
    let length = u32::try_from(STARTUP.len() + 4).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes(), STARTUP].concat())?;
    let mut answer = [0; 9];
    stream.read_exact(&mut answer)?;
    // Terminate, so that the server's log and its count of abandoned sessions stay clean.
    stream.write_all(b"X\x00\x00\x00\x04")?;
    Ok(answer)
}
