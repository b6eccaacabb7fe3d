use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::kind::Kind;
use crate::failure::Failure;
use crate::python::Environment;
use crate::test::tools;

/// Programs from PyPI. Each contains the schemas that it checks by, and uses no network.
const LISTINGS: Environment = Environment {
    name: "the checks of listings",
    folder: concat!(env!("CARGO_MANIFEST_DIR"), "/../target/tools/listings"),
    requirements: include_str!("requirements.txt"),
};

/// Returns the lines that the tool for this kind prints about the files, which are within `folder`.
///
/// # Errors
///
/// When the tool cannot be installed or started.
pub(super) fn complaints(kind: Kind, folder: &Path, files: &[PathBuf]) -> Result<Vec<String>, Failure> {
    let (program, options): (&str, &[&str]) = match kind {
        Kind::Kubernetes | Kind::KubernetesContainer => ("kubernetes-validate", &["--strict", "--quiet"]),
        Kind::GithubWorkflow => ("check-jsonschema", &["--builtin-schema", "vendor.github-workflows"]),
        Kind::GitlabPipeline => ("check-jsonschema", &["--builtin-schema", "vendor.gitlab-ci"]),
        Kind::Compose => ("check-jsonschema", &["--builtin-schema", "vendor.compose-spec"]),
        Kind::CloudFormation => ("cfn-lint", &["--format", "parseable"]),
        Kind::Dockerfile => ("hadolint", &["--no-color"]),
        // SC2164: `cd` without `|| exit` is what a reader types.
        Kind::Shell => ("shellcheck", &["--shell=bash", "--format=gcc", "--exclude=SC2164"]),
        Kind::SystemdService | Kind::SystemdSocket => return systemd_complaints(folder, files),
        // Parsed without a tool.
        Kind::Toml | Kind::Json => return Ok(Vec::new()),
    };
    let path = LISTINGS.find_or_install(program)?;
    let (lines, succeeded) = run(Command::new(path).args(options).args(files).current_dir(folder))?;
    Ok(if succeeded { Vec::new() } else { lines })
}

/// Each unit is loaded alone: systemd counts those of one folder together.
fn systemd_complaints(folder: &Path, files: &[PathBuf]) -> Result<Vec<String>, Failure> {
    let path = tools::find_or_install("systemd-analyze", "systemd")?;
    let mut complaints = Vec::new();
    for file in files {
        let mut verify = Command::new(&path);
        verify.args(["verify", "--man=no", "--recursive-errors=no"]).arg(file).current_dir(folder);
        let (lines, _) = run(&mut verify)?;
        // The program of the listing is not on this machine.
        let lines =
            lines.into_iter().filter(|line| !line.ends_with("is not executable: No such file or directory"));
        complaints.extend(lines.map(|line| format!("{}: {line}", file.display())));
    }
    Ok(complaints)
}

/// Returns the lines of both streams of a program, and whether it succeeded.
fn run(command: &mut Command) -> Result<(Vec<String>, bool), Failure> {
    let name = Path::new(command.get_program()).display().to_string();
    let output = command.stdin(Stdio::null()).output().map_err(Failure::io(format!("run {name}")))?;
    let text = [output.stdout, output.stderr].map(|stream| String::from_utf8_lossy(&stream).into_owned());
    let lines = text.iter().flat_map(|stream| stream.lines()).filter(|line| !line.trim().is_empty());
    let mut lines: Vec<String> = lines.map(str::to_owned).collect();
    if lines.is_empty() && !output.status.success() {
        lines.push(format!("{name}: {}", output.status));
    }
    Ok((lines, output.status.success()))
}
