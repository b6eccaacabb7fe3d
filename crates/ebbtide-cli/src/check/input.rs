//! The files and the text that the arguments name.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use ebbtide_check::{
    PathIgnore, Problem, Report, ServicePlan, SourceId, Sources, collect, environment_files, neighbours,
    read_referenced, read_text,
};
use ebbtide_rehearse::words::chain;

use crate::settings;

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
        let id = input.sources.add(STDIN, text);
        input.sources.require(id);
        input.stdin = Some(id);
    }
    let (files, problems) = collect(&paths);
    input.problems = problems;
    for file in files {
        match input.sources.add_file(&file) {
            Ok(id) => {
                if paths.contains(&file) {
                    input.sources.require(id);
                }
                input.files.insert(id, file);
            }
            Err(problem) => input.problems.push(problem),
        }
    }
    let named: Vec<PathBuf> = input.files.values().filter(|file| paths.contains(file)).cloned().collect();
    for file in neighbours(&named) {
        // Another folder of the arguments may have it.
        if input.files.values().any(|known| *known == file) {
            continue;
        }
        match input.sources.add_file(&file) {
            Ok(id) => input.sources.mark_neighbour(id),
            Err(problem) => input.problems.push(problem),
        }
    }
    input.files.extend(read_referenced(&mut input.sources));
    // What only root may read is known when the unit runs, and not here: the report then says what is assumed.
    for file in environment_files(&input.sources) {
        if let Ok(id) = input.sources.add_file(&file) {
            input.sources.mark_variables(id);
        }
    }
    Ok(input)
}

/// Returns an error if there is nothing to read at all: no file under the folders, or texts without content. A typing error in a path, or a
/// program before a pipe that failed, would pass otherwise.
pub(super) fn refuse_nothing(input: &Input, paths: &[PathBuf]) -> Result<(), String> {
    let is_blank = input.sources.iter().all(|(_, source)| source.text().lines().all(says_nothing));
    if !is_blank || input.problems.iter().any(|problem| problem.is_failure) {
        return Ok(());
    }
    if let Some(left_out) = input.problems.first() {
        return Err(format!("nothing to check: {}: {}", left_out.path, left_out.message));
    }
    let is_empty = input.sources.iter().all(|(_, source)| source.text().trim().is_empty());
    let why = if input.sources.is_empty() {
        "no file with the name of a deployment file"
    } else if is_empty {
        "no text"
    } else {
        "nothing but comments and empty documents"
    };
    Err(format!("nothing to check: {why} in {}", names(paths)))
}

/// Returns whether a line has nothing to check: it is blank, a comment, or begins or ends a document of YAML.
fn says_nothing(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || line.starts_with(['#', ';']) || line.starts_with("//") || matches!(line, "---" | "...")
}

/// Returns a note if there are files and none of them is a deployment file: the report would look like that of a project without findings.
pub(super) fn note_nothing(report: &Report, paths: &[PathBuf]) -> Option<Problem> {
    let first = paths.first().filter(|_| report.recognised == 0 && report.problems.is_empty())?;
    Some(Problem {
        path: first.display().to_string(),
        place: None,
        message: format!("nothing recognised: no known deployment file among {}", report.sources.len()),
        is_failure: false,
    })
}

/// Returns notes about the patterns of the settings that match none of the files, if the whole folder of the settings was checked.
pub(super) fn note_patterns(report: &Report, paths: &[PathBuf], patterns: &[PathIgnore]) -> Vec<Problem> {
    let is_whole = |pattern: &&PathIgnore| {
        let folders = paths.iter().filter_map(|path| std::path::absolute(path).ok());
        folders.into_iter().any(|folder| pattern.root().starts_with(folder))
    };
    let is_unused =
        |pattern: &&PathIgnore| !report.sources.iter().any(|(_, source)| pattern.matches(source.name()));
    let note = |pattern: &PathIgnore| Problem {
        path: pattern.root().join(settings::NAME).display().to_string(),
        place: None,
        message: format!("pattern `{}` of per-path-ignores matches none of the files", pattern.pattern()),
        is_failure: false,
    };
    patterns.iter().filter(is_whole).filter(is_unused).map(note).collect()
}

fn names(paths: &[PathBuf]) -> String {
    let name = |path: &PathBuf| {
        if is_stdin(path) { "standard input".to_owned() } else { path.display().to_string() }
    };
    paths.iter().map(name).collect::<Vec<_>>().join(", ")
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
