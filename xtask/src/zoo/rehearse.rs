//! Rehearses one server with the command.

use std::env;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::entry::{PORT, Rehearsal, Server};
use super::install::variables;
use super::judge::Reported;
use crate::failure::Failure;
use crate::interruption::Foreground;
use crate::shell::Output;
use crate::test::free_port;

/// Rehearses `server` as `rehearsal` says, in a folder of its own.
///
/// # Errors
///
/// When the command cannot be started, or prints no verdict although it has one.
pub(super) fn rehearse(server: &Server, rehearsal: &Rehearsal) -> Result<Reported, Failure> {
    let port = free_port()?.to_string();
    let folder = tempfile::TempDir::with_prefix(format!("ebbtide-zoo-{}-", server.name))
        .map_err(Failure::io("create a temporary folder"))?;
    copy(&server.folder, folder.path(), &port)?;
    let mut command = Command::new(ebbtide()?);
    command.args(["rehearse", "--quiet", "--seed=7", "--format=json"]);
    let placed = |words: &[String]| words.iter().map(|word| word.replace(PORT, &port)).collect::<Vec<_>>();
    command.args(placed(&rehearsal.options())).arg("--").args(placed(&rehearsal.command));
    command.envs(variables()?).env("PORT", &port).current_dir(folder.path());
    let cannot = || Failure::io(format!("run `ebbtide rehearse` for {}", server.name));
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = Foreground::start(&mut command, cannot())?;
    let mut text = String::new();
    if let Some(mut stdout) = child.output(Output::Stdout) {
        stdout.read_to_string(&mut text).map_err(cannot())?;
    }
    let exit_code = child.wait().map_err(cannot())?.code();
    if text.is_empty() {
        return Ok(Reported { exit_code, verdict: serde_json::Value::Null });
    }
    let verdict = serde_json::from_str(&text).map_err(|error| Failure::Unreadable {
        what: format!("the verdict on {}", server.name),
        why: error.to_string(),
    })?;
    Ok(Reported { exit_code, verdict })
}

/// The command that was built, beside this program.
fn ebbtide() -> Result<PathBuf, Failure> {
    Ok(env::current_exe().map_err(Failure::io("find this program"))?.with_file_name("ebbtide"))
}

/// Copies the files of a server with its port, so that servers whose configuration has no variables can be placed as well.
fn copy(from: &Path, to: &Path, port: &str) -> Result<(), Failure> {
    let cannot = || Failure::io(format!("copy {}", from.display()));
    for file in fs::read_dir(from).map_err(cannot())? {
        let file = file.map_err(cannot())?.path();
        let text = fs::read_to_string(&file).map_err(cannot())?;
        let name = file.file_name().unwrap_or_default();
        fs::write(to.join(name), text.replace(PORT, port)).map_err(cannot())?;
    }
    Ok(())
}
