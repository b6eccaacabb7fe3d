//! Runs other programs and prints their command lines.

use std::env;
use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::failure::Failure;
use crate::interruption::Foreground;

/// Writes a line to standard error. A closed standard error is ignored.
pub(crate) fn say(line: &str) {
    let _gone = writeln!(io::stderr(), "{line}");
}

/// Changes the working directory to the workspace's root, wherever the command was called.
///
/// # Errors
///
/// When the directory that this program was built from no longer exists.
pub(crate) fn enter_workspace_root() -> Result<(), Failure> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = here.parent().unwrap_or(here);
    env::set_current_dir(root).map_err(Failure::io(format!("enter {}", root.display())))
}

/// Returns a command for the cargo that runs this program, so that a toolchain chosen by `cargo +name` stays chosen.
///
/// The variables that cargo sets for a package are removed: some build scripts (that of ring) run again when they change, and
/// then everything that depends on those crates is compiled again.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let of_a_package = |name: &str| {
        name == "CARGO_CRATE_NAME" || name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
    };
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(of_a_package) {
            command.env_remove(name);
        }
    }
    command.args(arguments);
    command
}

/// Prints the command line and runs the program in the foreground.
///
/// # Errors
///
/// When it cannot be started, or exits without success.
pub(crate) fn run(command: &mut Command) -> Result<(), Failure> {
    let line = describe(command);
    say(&format!("==> {line}"));
    let cannot = || Failure::io(format!("run `{line}`"));
    let mut child = Foreground::start(command.stdin(Stdio::null()), cannot())?;
    let status = child.wait().map_err(cannot())?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure::Command { command: line, status: status.to_string() })
    }
}

/// One of the two streams of a program.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Output {
    Stdout,
    Stderr,
}

/// Runs a program in the foreground, passes on one of its streams, and calls `line_seen` with each of its lines.
///
/// # Errors
///
/// As [`run`]. `line_seen` has been called for the lines before the error.
pub(crate) fn run_watching(
    command: &mut Command,
    output: Output,
    mut line_seen: impl FnMut(&str),
) -> Result<(), Failure> {
    let line = describe(command);
    say(&format!("==> {line}"));
    let cannot = || Failure::io(format!("run `{line}`"));
    command.stdin(Stdio::null());
    match output {
        Output::Stdout => command.stdout(Stdio::piped()),
        Output::Stderr => command.stderr(Stdio::piped()),
    };
    let mut child = Foreground::start(command, cannot())?;
    if let Some(lines) = child.output(output) {
        for output_line in BufReader::new(lines).split(b'\n') {
            let output_line = output_line.map_err(cannot())?;
            let text = String::from_utf8_lossy(&output_line);
            let _gone = match output {
                Output::Stdout => writeln!(io::stdout(), "{text}"),
                Output::Stderr => writeln!(io::stderr(), "{text}"),
            };
            line_seen(&text);
        }
    }
    let status = child.wait().map_err(cannot())?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure::Command { command: line, status: status.to_string() })
    }
}

/// Runs a program without printing its command line and returns its standard output.
///
/// # Errors
///
/// As [`run`], and when the output is not UTF-8.
pub(crate) fn output(command: &mut Command) -> Result<String, Failure> {
    let line = describe(command);
    let output = command.stdin(Stdio::null()).output().map_err(Failure::io(format!("run `{line}`")))?;
    if !output.status.success() {
        say(&String::from_utf8_lossy(&output.stderr));
        return Err(Failure::Command { command: line, status: output.status.to_string() });
    }
    String::from_utf8(output.stdout)
        .map_err(|error| Failure::Unreadable { what: format!("output of `{line}`"), why: error.to_string() })
}

/// Returns the path of a program on the `PATH`, in `/usr/sbin` or in `/sbin`.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let administrators = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    env::split_paths(&path)
        .chain(administrators)
        .map(|folder| folder.join(name))
        .find(|candidate| candidate.is_file())
}

/// Returns the command as typed in a shell, with the variables that it sets in front.
fn describe(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let variables = command.get_envs().filter_map(|(name, value)| Some((name, value?)));
    let variables = variables.map(|(name, value)| format!("{}={}", name.display(), quoted(value)));
    let arguments = command.get_args().map(quoted);
    variables.chain([program.display().to_string()]).chain(arguments).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    if word.is_empty() || word.contains(char::is_whitespace) {
        format!("'{word}'")
    } else {
        word.into_owned()
    }
}
