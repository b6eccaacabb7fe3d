//! `cargo xtask shells`: measures which shells stay in front of a program, and compares with the table of `ebbtide-check`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::failure::Failure;
use crate::shell;

const TABLE: &str = "crates/ebbtide-check/src/knowledge/shells.txt";

/// The variable with the file that the program writes its process id to.
const REPORT: &str = "EBBTIDE_SHELLS_REPORT";

/// The program: it says which process it is, and ends whatever the script would do after it.
const PROGRAM: &str = "#!/bin/sh\necho $$ >> \"$EBBTIDE_SHELLS_REPORT\"\nkill -KILL 0\n";

/// The shells in the order of the columns: the program, its first arguments, and the argument that prints its version.
const SHELLS: [(&str, &[&str], Option<&str>); 3] =
    [("dash", &[], None), ("busybox", &["ash"], Some("--help")), ("bash", &[], Some("--version"))];

/// A script of the table, and whether each shell stays.
#[derive(Debug, PartialEq, Eq)]
struct Row<'t> {
    stays: Vec<bool>,
    script: &'t str,
}

/// Runs every script of the table in each shell that is installed.
///
/// # Errors
///
/// When no shell is installed, or one does something else than the table says.
pub(crate) fn run() -> Result<(), Failure> {
    let text = fs::read_to_string(TABLE).map_err(Failure::io(format!("read {TABLE}")))?;
    let rows = rows(&text)?;
    let lab = Lab::new()?;
    let mut violations = Vec::new();
    let (mut measured, mut missing) = (0, Vec::new());
    for (column, (name, arguments, version)) in SHELLS.iter().enumerate() {
        let Some(path) = shell::find_program(name) else {
            missing.push(*name);
            continue;
        };
        measured += 1;
        let (mut same, mut left) = (0, 0);
        for row in &rows {
            let expected = row.stays.get(column).copied().unwrap_or_default();
            match lab.stays(&path, arguments, &row.script.replace("\\n", "\n"))? {
                Some(stays) if stays == expected => same += 1,
                Some(stays) => violations.push(format!("{name} {}: {}", word(stays), row.script)),
                // In bash it is a keyword.
                None if row.script.contains("time ") && shell::find_program("time").is_none() => left += 1,
                None => violations.push(format!("{name} does not start the program: {}", row.script)),
            }
        }
        let version = version.map_or_else(String::new, |option| version_of(&path, option));
        let left = if left == 0 { String::new() } else { format!(", {left} not run: `time` is missing") };
        shell::say(&format!(
            "{}{version}: {same} of {} scripts as in the table{left}",
            path.display(),
            rows.len()
        ));
    }
    if !missing.is_empty() {
        shell::say(&format!("not installed, and not measured: {}", missing.join(", ")));
    }
    if measured == 0 {
        return Err(Failure::Unreadable {
            what: "the shells".to_owned(),
            why: "none of dash, busybox and bash is installed".to_owned(),
        });
    }
    Failure::unless_empty("what the shells do is not what the table says", violations)
}

fn word(stays: bool) -> &'static str {
    if stays { "stays" } else { "is replaced" }
}

/// Reads lines of the form `stays exec stays | SCRIPT`.
fn rows(text: &str) -> Result<Vec<Row<'_>>, Failure> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let row = |line| -> Option<Row<'_>> {
        let (shells, script) = str::split_once(line, " | ")?;
        let stay = |word| match word {
            "stays" => Some(true),
            "exec" => Some(false),
            _ => None,
        };
        let stays: Vec<bool> = shells.split_whitespace().map(stay).collect::<Option<_>>()?;
        (stays.len() == SHELLS.len()).then_some(Row { stays, script })
    };
    let parsed = |line| {
        row(line).ok_or_else(|| Failure::Unreadable {
            what: TABLE.to_owned(),
            why: format!("expected `stays|exec` for each shell, ` | ` and a script: {line}"),
        })
    };
    lines.map(parsed).collect()
}

/// Returns the first line of what a shell prints about itself, in brackets.
fn version_of(path: &Path, option: &str) -> String {
    let output = Command::new(path).arg(option).stdin(Stdio::null()).output().ok();
    let text = output.map(|output| [output.stdout, output.stderr].concat()).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    text.lines().next().map_or_else(String::new, |line| format!(" ({line})"))
}

/// A folder with the program that the scripts run.
struct Lab {
    folder: tempfile::TempDir,
    path: std::ffi::OsString,
}

impl Lab {
    fn new() -> Result<Self, Failure> {
        let folder = tempfile::tempdir().map_err(Failure::io("create a folder"))?;
        let program = folder.path().join("app");
        fs::write(&program, PROGRAM).map_err(Failure::io("write the program"))?;
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(&program, mode).map_err(Failure::io("make the program executable"))?;
        let own = std::env::var_os("PATH").unwrap_or_default();
        let folders = [folder.path().to_owned()].into_iter().chain(std::env::split_paths(&own));
        let path = std::env::join_paths(folders)
            .map_err(|error| Failure::Unreadable { what: "PATH".to_owned(), why: error.to_string() })?;
        Ok(Self { folder, path })
    }

    /// Runs a script, and returns whether the program was another process than the shell. `None` if it did not run.
    fn stays(&self, shell: &Path, arguments: &[&str], script: &str) -> Result<Option<bool>, Failure> {
        let report: PathBuf = self.folder.path().join("report");
        fs::write(&report, "").map_err(Failure::io("write the report"))?;
        let mut command = Command::new(shell);
        command.args(arguments).args(["-c", script]).env(REPORT, &report).env("PATH", &self.path);
        // The program ends its group: that of the shell and of what else the script started.
        command.process_group(0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let cannot = || Failure::io(format!("run {}", shell.display()));
        let mut child = command.spawn().map_err(cannot())?;
        let own = child.id();
        child.wait().map_err(cannot())?;
        let said = fs::read_to_string(&report).map_err(Failure::io("read the report"))?;
        Ok(said.lines().next().and_then(|line| line.trim().parse::<u32>().ok()).map(|program| program != own))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_a_word_for_each_shell() {
        let row = Row { stays: vec![true, false, true], script: "true & app" };
        assert_eq!(rows("# c\nstays exec  stays | true & app\n").unwrap(), [row]);
        for text in ["stays exec | app", "stays exec no | app", "stays exec exec"] {
            assert!(matches!(rows(text), Err(Failure::Unreadable { .. })), "{text}");
        }
    }

    #[test]
    fn a_shell_stays_in_front_of_a_program_that_is_not_its_last_command() {
        let (lab, sh) = (Lab::new().unwrap(), shell::find_program("sh").unwrap());
        for (script, stays) in [
            ("exec app", Some(false)),
            ("app; true", Some(true)),
            ("while true; do app; done", Some(true)),
            ("true", None),
        ] {
            assert_eq!(lab.stays(&sh, &[], script).unwrap(), stays, "{script}");
        }
    }
}
