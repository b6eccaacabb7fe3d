//! The files and the text that the arguments name.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use ebbtide_check::{Problem, ServicePlan, SourceId, Sources, collect, read_text};
use ebbtide_rehearse::words::chain;

/// The name of what is read from standard input.
const STDIN: &str = "<stdin>";

/// What is checked.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) sources: Sources,
    /// Files that cannot be read. The others are checked.
    pub(super) problems: Vec<Problem>,
    pub(super) files: BTreeMap<SourceId, PathBuf>,
    pub(super) stdin: Option<SourceId>,
}

/// Reads the files that the arguments name.
///
/// # Errors
///
/// Returns a message if standard input is named and cannot be read.
pub(super) fn read(paths: &[PathBuf]) -> Result<Input, String> {
    let mut input =
        Input { sources: Sources::new(), problems: Vec::new(), files: BTreeMap::new(), stdin: None };
    let (stdin, paths): (Vec<PathBuf>, Vec<PathBuf>) = paths.iter().cloned().partition(|path| is_stdin(path));
    if !stdin.is_empty() {
        let mut text = String::new();
        std::io::stdin()
            .lock()
            .read_to_string(&mut text)
            .map_err(|error| format!("cannot read standard input: {error}"))?;
        input.stdin = Some(input.sources.add(STDIN, text));
    }
    let (files, problems) = collect(&paths);
    input.problems = problems;
    for file in files {
        match input.sources.add_file(&file) {
            Ok(id) => {
                input.files.insert(id, file);
            }
            Err(problem) => input.problems.push(problem),
        }
    }
    Ok(input)
}

/// Returns whether an argument means standard input.
pub(super) fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

/// Reads the plans that the arguments name.
///
/// # Errors
///
/// Returns a message if a file cannot be read, or is no plan.
pub(super) fn plans(arguments: &[String]) -> Result<Vec<ServicePlan>, String> {
    arguments.iter().map(|argument| read_plan(argument)).collect()
}

/// Reads `[WORKLOAD=]FILE`.
fn read_plan(argument: &str) -> Result<ServicePlan, String> {
    let (workload, file) = match argument.split_once('=') {
        Some((workload, file)) => (Some(workload), file),
        None => (None, argument),
    };
    if file.is_empty() || workload.is_some_and(str::is_empty) {
        return Err(format!("invalid --plan `{argument}`: expected [WORKLOAD=]FILE"));
    }
    let text = read_text(Path::new(file)).map_err(|error| format!("cannot read {file}: {error}"))?;
    ServicePlan::parse(workload, file, &text).map_err(|error| chain(&error))
}
