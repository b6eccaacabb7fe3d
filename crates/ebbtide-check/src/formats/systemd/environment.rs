//! Files of variables, which units name by `EnvironmentFile=`.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use crate::formats::Assumed;
use crate::formats::paths::clean;
use crate::input::{Place, Problem, Source, SourceId, Sources, folder_of_units};
use crate::knowledge::reads_variables;
use crate::model::{Container, Platform, Variable, Word, Workload};

/// Gives each unit the variables of the files that it names, where those are in the input. A later file replaces those of an earlier one. Of systemd the
/// files replace `Environment=`, of Podman it is the other way round. Returns the files that are not read; what these may replace is assumed.
pub(crate) fn join_env_files(
    workloads: &mut [Workload],
    assumed: &mut Vec<Assumed>,
    sources: &Sources,
) -> Vec<Problem> {
    let mut files = Files { sources, by_name: HashMap::new(), problems: BTreeMap::new() };
    for workload in workloads {
        let is_systemd = workload.platform == Platform::Systemd;
        if !is_systemd && workload.platform != Platform::Quadlet {
            continue;
        }
        for container in workload.containers.iter_mut().filter(|container| !container.env_files.is_empty()) {
            // What is declared in the unit counts more than any variable.
            let is_noted = workload.drain.is_none() && reads_variables(container);
            files.join(container, is_systemd, is_noted, assumed);
        }
    }
    files.problems.into_values().collect()
}

/// The sources that units may name.
struct Files<'s> {
    sources: &'s Sources,
    by_name: HashMap<String, Vec<(PathBuf, SourceId)>>,
    problems: BTreeMap<Place, Problem>,
}

impl Files<'_> {
    fn join(
        &mut self,
        container: &mut Container,
        is_systemd: bool,
        is_noted: bool,
        assumed: &mut Vec<Assumed>,
    ) {
        let own = std::mem::take(&mut container.variables);
        let mut all = Values::default();
        let (first, last) = if is_systemd { (own, Vec::new()) } else { (Vec::new(), own) };
        first.into_iter().for_each(|variable| all.set(variable));
        for word in &std::mem::take(&mut container.env_files) {
            let path = word.text.trim_start_matches('-');
            if is_systemd && !path.starts_with(['/', '%']) {
                self.note(word, "not absolute: systemd ignores it");
                continue;
            }
            match self.find(word, path).and_then(|id| Some((id, self.sources.get(id)?))) {
                Some((id, source)) => {
                    read(id, source, is_systemd).into_iter().for_each(|variable| all.set(variable));
                }
                None => {
                    container.has_unread_variables = true;
                    container.unread_count_more |= is_systemd;
                    all.may_be_replaced_by(path);
                    if is_noted && path.len() == word.text.len() {
                        self.note(word, "not in the input: its variables are not read");
                    }
                }
            }
        }
        last.into_iter().for_each(|variable| all.set(variable));
        for (variable, by) in all.0 {
            let note =
                by.map(|by| format!("EnvironmentFile={by} is not read: it may set {} too", variable.name));
            assumed.extend(note.map(|note| Assumed { note, place: variable.place }));
            container.variables.push(variable);
        }
    }

    /// Returns the source that a path names. That of the machine is a file of the input whose path ends with it, or one of its name beside the unit.
    fn find(&mut self, word: &Word, path: &str) -> Option<SourceId> {
        let unit = clean(Path::new(self.sources.name(word.place)));
        let units = folder_of_units(&unit);
        let name = Path::new(path).file_name()?.to_str()?;
        let named = self.named(name);
        let beside = |path: PathBuf| named.iter().find(|(own, _)| *own == path).map(|(_, id)| *id);
        let Some(inside) = path.strip_prefix('/') else { return beside(clean(&units.join(path))) };
        let root =
            |own: &Path| own.ancestors().nth(Path::new(inside).components().count()).map(Path::to_owned);
        let whole = named.iter().filter(|(own, _)| own.ends_with(inside));
        let of_root = whole.filter_map(|(own, id)| Some((root(own)?, *id)));
        let (same, other): (Vec<_>, Vec<_>) = of_root.partition(|(root, _)| unit.starts_with(root));
        match (same.iter().max_by_key(|(root, _)| root.components().count()), other.as_slice()) {
            (Some((_, id)), _) => Some(*id),
            (None, [(_, id)]) => Some(*id),
            _ => beside(units.join(name)),
        }
    }

    /// Returns the sources of a file name.
    fn named(&mut self, name: &str) -> &[(PathBuf, SourceId)] {
        if self.by_name.is_empty() {
            for (id, source) in self.sources.iter() {
                let path = clean(Path::new(source.name()));
                let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
                self.by_name.entry(name.unwrap_or_default()).or_default().push((path, id));
            }
        }
        self.by_name.get(name).map_or(&[], Vec::as_slice)
    }

    fn note(&mut self, word: &Word, why: &str) {
        let path = self.sources.name(word.place);
        let message = format!("EnvironmentFile={} is {why}", word.text);
        let problem = Problem { place: Some(word.place), ..Problem::note(path, message) };
        self.problems.entry(word.place).or_insert(problem);
    }
}

/// Variables, each with the file that may replace it.
#[derive(Default)]
struct Values(Vec<(Variable, Option<String>)>);

impl Values {
    fn set(&mut self, variable: Variable) {
        self.0.retain(|(other, _)| other.name != variable.name);
        self.0.push((variable, None));
    }

    fn may_be_replaced_by(&mut self, path: &str) {
        self.0.iter_mut().for_each(|(_, by)| *by = Some(path.to_owned()));
    }
}

/// Reads lines of the form `NAME=VALUE`, as systemd.exec(5) describes them, or as `podman run --env-file` takes them, without quotes.
fn read(id: SourceId, source: &Source, is_systemd: bool) -> Vec<Variable> {
    let mut found = Vec::new();
    let mut at = 0_usize;
    // Up to this mark the lines are a part of the value before them.
    let mut open: Option<char> = None;
    for written in source.text().split_inclusive('\n') {
        let begin = at.saturating_add(written.len().saturating_sub(written.trim_start().len()));
        at = at.saturating_add(written.len());
        let line = written.trim();
        if let Some(mark) = open {
            let goes_on = if mark == '\\' { line.ends_with('\\') } else { !line.contains(mark) };
            open = open.filter(|_| goes_on);
            continue;
        }
        let is_comment = line.starts_with('#') || is_systemd && line.starts_with(';');
        let Some((name, value)) = line.split_once('=').filter(|_| !is_comment) else { continue };
        let name = name.trim_end();
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            continue;
        }
        let value = value.trim_start();
        let read = unquoted(value);
        let quote = value.chars().next().filter(|first| matches!(first, '"' | '\''));
        open = match quote {
            _ if !is_systemd || read.is_some() => None,
            Some(quote) if value.matches(quote).count() == 1 => Some(quote),
            _ => value.ends_with('\\').then_some('\\'),
        };
        let is_known = is_systemd || !value.contains(['"', '\'']);
        let place = Place::new(id, begin, begin.saturating_add(line.len()));
        let value = read.filter(|_| is_known).map(str::to_owned);
        found.push(Variable { name: name.to_owned(), value, place });
    }
    found
}

/// Returns a value without the quotes around it. `None`: it has quotes or backslashes inside, or goes on in the next line.
fn unquoted(value: &str) -> Option<&str> {
    let within = |quote: char| value.strip_prefix(quote)?.strip_suffix(quote);
    let inner = within('\'').or_else(|| within('"')).unwrap_or(value);
    (!inner.contains(['"', '\'', '\\'])).then_some(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_systemd_and_podman_do() {
        for (text, systemd, podman) in [
            ("A=30s", &[("A", Some("30s"))][..], &[("A", Some("30s"))][..]),
            (
                " A = 30s # no comment ",
                &[("A", Some("30s # no comment"))],
                &[("A", Some("30s # no comment"))],
            ),
            ("A=\"30 s\"", &[("A", Some("30 s"))], &[("A", None)]),
            ("A='$B'", &[("A", Some("$B"))], &[("A", None)]),
            ("A=$B", &[("A", Some("$B"))], &[("A", Some("$B"))]),
            ("A=", &[("A", Some(""))], &[("A", Some(""))]),
            ("A=\"a\\\"b\"", &[("A", None)], &[("A", None)]),
            (
                "A='x\nB=1'\nC=2",
                &[("A", None), ("C", Some("2"))],
                &[("A", None), ("B", None), ("C", Some("2"))],
            ),
            (
                "A=x \\\nB=1\nC=2",
                &[("A", None), ("C", Some("2"))],
                &[("A", None), ("B", Some("1")), ("C", Some("2"))],
            ),
            ("export A=1", &[], &[]),
            ("# A=1\n;B=1\nC", &[], &[]),
            ("", &[], &[]),
        ] {
            for (expected, is_systemd) in [(systemd, true), (podman, false)] {
                let mut sources = Sources::new();
                let id = sources.add("web", text);
                let all = read(id, sources.get(id).unwrap(), is_systemd);
                let found: Vec<_> = all.iter().map(|one| (one.name.as_str(), one.value.as_deref())).collect();
                assert_eq!(found, expected, "{text} {is_systemd}");
            }
        }
    }
}
