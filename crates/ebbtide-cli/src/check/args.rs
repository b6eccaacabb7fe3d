//! The options of `ebbtide check` and `ebbtide explain`, and their help.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use ebbtide_check::Severity;

use super::format::FindingsFormat;
use crate::output::Destination;

/// Find shutdowns in deployment files that cannot work.
///
/// Reads Kubernetes manifests (also what `helm template` and `kustomize build` print), Dockerfiles, Compose files, ECS task
/// definitions and services, CloudFormation templates, Terraform (also its plans as JSON), systemd units, Podman's Quadlets,
/// jobs of Nomad, and the files of Kamal, Cloud Run, Knative, Azure Container Apps, Fly, Render and Heroku. Reports time that
/// does not add up, signals that do not reach the program, and traffic that still flows to a process that has ended. What a
/// file is, its content decides. A folder is walked; what `.gitignore` names is left out.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER)]
pub(crate) struct CheckArgs {
    /// Files and folders; `-` is standard input
    ///
    /// A file that is named must be readable, and is noted if nothing is recognised in it. Of a folder, files of other programs
    /// are left out.
    #[arg(value_name = "PATH")]
    pub(super) paths: Vec<PathBuf>,

    /// Helm chart or kustomization to render and check; may be repeated
    ///
    /// Runs `helm template` on a folder with Chart.yaml, and `kustomize build` (or `kubectl kustomize`) on one with
    /// kustomization.yaml, and checks what they print. These programs run nowhere else. A finding is named after the template
    /// that Helm says, or after the kustomization, and its line is that of the printed text; the formats github, gitlab and
    /// sarif have the line of the template. If the program is missing or fails, the exit code is 2, and everything else is
    /// checked.
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["fix", "diff"])]
    pub(super) render: Vec<PathBuf>,

    /// Values for the Helm charts of --render; may be repeated
    ///
    /// Kustomizations have none: with these alone it is wrong usage.
    #[arg(long, value_name = "FILE", requires = "render")]
    pub(super) values: Vec<PathBuf>,

    /// Plan of a service, as EBBTIDE_PLAN=json prints it; may be repeated
    ///
    /// Declares how long the service drains, whatever the files declare. WORKLOAD is the name of its workload; without it the
    /// files must have a single one.
    #[arg(long, value_name = "[WORKLOAD=]FILE")]
    pub(super) plan: Vec<String>,

    /// Exit with 1 at findings of this severity or a higher one [default: error]
    #[arg(long, value_name = "SEVERITY", value_enum)]
    pub(super) fail_on: Option<Level>,

    /// Run only these rules: ids, names, or the begin of ids
    #[arg(long, value_name = "RULES", value_delimiter = ',')]
    pub(super) select: Vec<String>,

    /// Do not run these rules: ids, names, or the begin of ids
    #[arg(long, value_name = "RULES", value_delimiter = ',')]
    pub(super) ignore: Vec<String>,

    /// Make the edits that are local and certain, in the files
    ///
    /// Comments and formatting stay. Findings that are not shown or suppressed are not fixed, so that --info fixes infos too;
    /// the report is about what is left. A file is replaced as a whole. With `-` the changed text goes to stdout and the
    /// report to stderr.
    #[arg(long, conflicts_with = "diff")]
    pub(super) fix: bool,

    /// Print the edits of --fix as a unified diff, and change nothing
    ///
    /// The exit code is that of the findings.
    #[arg(long)]
    pub(super) diff: bool,

    /// Do not count the findings that FILE has
    ///
    /// An entry that is no longer found is reported. An entry of a file that is not checked, or of a rule that does not run,
    /// is left alone.
    #[arg(long, value_name = "FILE")]
    pub(super) baseline: Option<PathBuf>,

    /// Record the findings in FILE for --baseline
    ///
    /// For a project that begins to use the check: only what comes later fails. Lines that are added elsewhere in a file do
    /// not change an entry. Paths are recorded as they are given, so run the check from the same folder.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["baseline", "diff"])]
    pub(super) write_baseline: Option<PathBuf>,

    /// Show infos too, as --fail-on info does
    #[arg(long)]
    pub(super) info: bool,

    /// List the findings that the files suppress, with the reasons, and those of the baseline
    #[arg(long)]
    pub(super) show_suppressed: bool,

    /// Output format, on stdout or in a file; may be repeated
    ///
    /// FORMAT is text, json, sarif (2.1.0), junit, github (workflow commands) or gitlab (Code Quality). Text goes to
    /// stdout unless another format does; workflow commands go there together with text.
    #[arg(long, value_name = "FORMAT[=FILE]", value_parser = Destination::<FindingsFormat>::parse)]
    pub(super) format: Vec<Destination<FindingsFormat>>,
}

/// A severity as an option's value.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Level {
    Error,
    Warning,
    Info,
}

impl From<Level> for Severity {
    fn from(level: Level) -> Self {
        match level {
            Level::Error => Self::Error,
            Level::Warning => Self::Warning,
            Level::Info => Self::Info,
        }
    }
}

const AFTER: &str = "\
Suppression:
  A comment at the line of a finding or above it: # ebbtide:ignore K001 reason
  A comment for the whole file:                   # ebbtide:ignore-file K001 reason
  An annotation on a Kubernetes object:           ignore.ebbtide.dev/K001: reason
  A comment may have several rules: K001,K005 or K001, K005

Configuration:
  The file ebbtide.toml of the current folder, or of the nearest folder above it
  in the repository. An option replaces the value of the file.

    [check]
    select = [\"K\", \"C001\"]
    ignore = [\"K003\"]
    fail-on = \"warning\"

    [check.per-path-ignores]   # patterns as in .gitignore
    \"deploy/legacy/\" = [\"K005\"]

Exit codes:
  0      no finding at or above --fail-on
  1      a finding at or above --fail-on
  2      wrong usage, nothing to check, or a file that could not be read, parsed
         or, with --fix, written, or a time in it that could not be read; the
         rest was checked

Examples:
  ebbtide check deploy/
  ebbtide check --fail-on warning --format json=findings.json deploy/
  ebbtide check --render charts/orders --values production.yaml
  ebbtide check --diff deploy/
  ebbtide check --fix deploy/";
