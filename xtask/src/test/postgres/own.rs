use std::ffi::OsStr;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::answers::answers;
use crate::failure::Failure;
use crate::shell;
use crate::test::tools;

/// Where Debian keeps the programs of each version, which are not on the `PATH`.
const DEBIAN: &str = "/usr/lib/postgresql";

const START_PATIENCE: Duration = Duration::from_secs(30);
const STEP: Duration = Duration::from_millis(50);

/// A server on a free port, with its data in a temporary folder: stopped and removed when this is dropped.
#[derive(Debug)]
pub(in crate::test) struct OwnServer {
    process: Child,
    port: u16,
    /// Removed after the process has ended, since `Drop` of the whole runs before that of its parts.
    _folder: TempDir,
}

impl OwnServer {
    /// Installs PostgreSQL where it is missing, and starts it.
    ///
    /// # Errors
    ///
    /// When it cannot be installed, does not start, or does not answer within half a minute.
    pub(super) fn start() -> Result<Self, Failure> {
        let programs = find_or_install()?;
        let folder = TempDir::with_prefix("ebbtide-postgres-").map_err(Failure::io("make a folder"))?;
        let data = folder.path().join("data");
        own_folder(folder.path())?;
        let mut initdb = as_servant(&programs.join("initdb"));
        initdb.args([
            "--username=postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
            "-D",
        ]);
        shell::run(initdb.arg(&data).current_dir(folder.path()).stdout(Stdio::null()))?;

        let port = free_port()?;
        let log = folder.path().join("log");
        let output = fs::File::create(&log).map_err(Failure::io("create the server's log"))?;
        let mut postgres = as_servant(&programs.join("postgres"));
        postgres.arg("-D").arg(&data).args(["-p", &port.to_string()]);
        for setting in ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off"] {
            postgres.args(["-c", setting]);
        }
        postgres.current_dir(folder.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(output);
        let process = postgres.spawn().map_err(Failure::io("start postgres"))?;
        let mut server = Self { process, port, _folder: folder };
        server.wait_until_it_answers(&log)?;
        Ok(server)
    }

    pub(super) const fn port(&self) -> u16 {
        self.port
    }

    fn wait_until_it_answers(&mut self, log: &Path) -> Result<(), Failure> {
        for _ in 0..START_PATIENCE.as_millis() / STEP.as_millis() {
            if answers(self.port) {
                return Ok(());
            }
            if matches!(self.process.try_wait(), Ok(Some(_))) {
                break;
            }
            thread::sleep(STEP);
        }
        let words = fs::read_to_string(log).unwrap_or_default();
        Err(Failure::Postgres(format!("PostgreSQL did not start; it said:\n{words}")))
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        // SIGINT is PostgreSQL's fast shutdown: it sends clients away and waits for nobody.
        if let Some(pid) = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw) {
            let _gone = kill_process(pid, Signal::INT);
        }
        let _status = self.process.wait();
    }
}

/// PostgreSQL refuses to run as root: root hands the folder and the process to somebody else.
fn own_folder(folder: &Path) -> Result<(), Failure> {
    let Some(servant) = servant() else { return Ok(()) };
    shell::run(Command::new("chown").arg(servant).arg(folder))
}

/// Runs a program as the servant when we are root, and ends it when we end without having stopped it.
fn as_servant(program: &Path) -> Command {
    if shell::find_program("setpriv").is_none() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "INT"]);
    if let Some(servant) = servant() {
        command.args([&format!("--reuid={servant}"), "--clear-groups"]);
    }
    command.arg("--").arg(program);
    command
}

/// The user that the server runs as, when it must not be us.
fn servant() -> Option<&'static str> {
    let users = || fs::read_to_string("/etc/passwd").unwrap_or_default();
    let known = |name: &str| users().lines().any(|line| line.split(':').next() == Some(name));
    match rustix::process::geteuid().is_root() {
        false => None,
        true if known("postgres") => Some("postgres"),
        true => Some("nobody"),
    }
}

fn find_or_install() -> Result<PathBuf, Failure> {
    if let Some(programs) = find_programs() {
        return Ok(programs);
    }
    tools::install("initdb", "postgresql")?;
    find_programs().ok_or(Failure::MissingTool {
        tool: "initdb",
        package: "postgresql",
        why: "was not among what the package installed",
    })
}

/// The folder of the newest version's programs.
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

fn free_port() -> Result<u16, Failure> {
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(Failure::io("find a free port"))?;
    Ok(socket.local_addr().map_err(Failure::io("find a free port"))?.port())
}
