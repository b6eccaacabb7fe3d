//! Files of variables, which services of Compose name by `env_file`.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use crate::formats::paths::clean;
use crate::input::{Place, Problem, Source, SourceId, Sources};
use crate::knowledge::reads_variables;
use crate::model::{Platform, Variable, Word, Workload};
use crate::tree::Node;

/// The variables of one file.
#[derive(Debug)]
pub(crate) struct EnvFile {
    path: PathBuf,
    variables: Vec<Variable>,
}

/// Returns whether a source has the name of a file of variables: `.env`, `.env.production`, `shop.env`.
pub(crate) fn has_env_name(source: &Source) -> bool {
    let name = source.name().rsplit(['/', '\\']).next().unwrap_or_default();
    name.ends_with(".env") || name.starts_with(".env.")
}

/// Reads lines of the form `NAME=VALUE` as Compose does: compose-go, `dotenv/parser.go`. A quoted value that goes on in the
/// next line is none that a shutdown depends on.
pub(crate) fn read(id: SourceId, source: &Source) -> EnvFile {
    let mut at = 0_usize;
    let mut variables = Vec::new();
    for line in source.text().split_inclusive('\n') {
        let start = at.saturating_add(line.len().saturating_sub(line.trim_start().len()));
        at = at.saturating_add(line.len());
        let line = line.trim();
        if line.starts_with('#') {
            continue;
        }
        let place = Place::new(id, start, start.saturating_add(line.len()));
        let assignment = assignment(line);
        variables.extend(assignment.map(|(name, value)| Variable { name: name.to_owned(), value, place }));
    }
    EnvFile { path: clean(Path::new(source.name())), variables }
}

/// Reads a line `NAME=VALUE`. Without a value it is not known.
pub(crate) fn assignment(line: &str) -> Option<(&str, Option<String>)> {
    let (name, written) = line.strip_prefix("export ").unwrap_or(line).split_once('=')?;
    let name = name.trim();
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_name.then(|| (name, value(written.trim())))
}

/// Returns a value without its quotes or its comment. `None`: it has a variable, or goes on in the next line.
fn value(written: &str) -> Option<String> {
    if let Some(rest) = written.strip_prefix('\'') {
        return rest.split_once('\'').map(|(value, _)| value.to_owned());
    }
    let value = match written.strip_prefix('"') {
        Some(rest) => rest.split_once('"')?.0,
        None => written.split(" #").next().unwrap_or(written).trim_end(),
    };
    (!value.contains(['$', '\\'])).then(|| value.to_owned())
}

/// Returns the files that a service names, in the order in which they are read. One in another format than that of Compose has no path: it is not read.
pub(super) fn named(service: &Node) -> Vec<Word> {
    let Some(node) = service.get("env_file") else { return Vec::new() };
    let items = if node.items().is_empty() { std::slice::from_ref(node) } else { node.items() };
    let path = |item: &Node| {
        let path = item.get("path").unwrap_or(item);
        let text = path.text().filter(|_| item.get("format").is_none()).unwrap_or_default();
        Word { text: text.to_owned(), place: path.place }
    };
    items.iter().map(path).collect()
}

/// Gives each service of Compose the variables of the files that it names. A later file replaces those of an earlier one, and `environment`
/// replaces both. A path is relative to the file that has it. Returns notes about the files that are not read, of which no variable is known and none that
/// they may replace.
pub(crate) fn join_env_files(
    workloads: &mut [Workload],
    files: &[EnvFile],
    sources: &Sources,
) -> Vec<Problem> {
    let by_path: HashMap<&Path, &EnvFile> = files.iter().map(|file| (file.path.as_path(), file)).collect();
    let services = workloads.iter_mut().filter(|workload| workload.platform == Platform::Compose);
    let mut notes = BTreeMap::new();
    for workload in services {
        let is_declared = workload.drain.is_some();
        for container in &mut workload.containers {
            let is_noted = !is_declared && reads_variables(container);
            // The last one first: what is there already is what counts.
            for path in std::mem::take(&mut container.env_files).iter().rev() {
                let folder = Path::new(sources.name(path.place)).parent().unwrap_or(Path::new(""));
                let file = by_path.get(clean(&folder.join(&path.text)).as_path());
                let Some(file) = file.filter(|_| !path.text.is_empty()) else {
                    container.has_unread_variables = true;
                    notes.extend(is_noted.then(|| (path.place, unread(path, sources))));
                    continue;
                };
                for variable in file.variables.iter().rev() {
                    if container.variables.iter().all(|own| own.name != variable.name) {
                        let value = variable.value.clone().filter(|_| !container.has_unread_variables);
                        container.variables.push(Variable { value, ..variable.clone() });
                    }
                }
            }
        }
    }
    notes.into_values().collect()
}

fn unread(path: &Word, sources: &Sources) -> Problem {
    let why = if path.text.is_empty() { "is not of the format of Compose" } else { "is not in the input" };
    let name = if path.text.is_empty() { String::new() } else { format!(" `{}`", path.text) };
    let message =
        format!("env_file{name} {why}: its variables, and those that it may replace, are not known");
    Problem { place: Some(path.place), ..Problem::note(sources.name(path.place), message) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_compose_does() {
        for (line, expected) in [
            ("A=30s", Some(("A", Some("30s")))),
            (" export A = 30s # a comment", Some(("A", Some("30s")))),
            ("A=a#b", Some(("A", Some("a#b")))),
            ("A=\"30 s\" # b", Some(("A", Some("30 s")))),
            ("A='$B'", Some(("A", Some("$B")))),
            ("A=", Some(("A", Some("")))),
            ("A=${B:-3}", Some(("A", None))),
            ("A=\"begins", Some(("A", None))),
            ("# A=1", None),
            ("A", None),
            ("A B=1", None),
            ("", None),
        ] {
            let mut sources = Sources::new();
            let id = sources.add(".env", line);
            let read = read(id, sources.get(id).unwrap());
            let found = read.variables.first().map(|one| (one.name.as_str(), one.value.as_deref()));
            assert_eq!(found, expected, "{line}");
        }
    }

    #[test]
    fn the_place_of_a_variable_is_its_line() {
        let mut sources = Sources::new();
        let id = sources.add("shop.env", "A=1\r\n  B=2\n");
        let read = read(id, sources.get(id).unwrap());
        let text = |variable: &Variable| {
            &sources.get(id).unwrap().text()[variable.place.start()..variable.place.end()]
        };
        assert_eq!(read.variables.iter().map(text).collect::<Vec<_>>(), ["A=1", "B=2"]);
    }
}
