//! The documents that are open in the editor, and what is checked together with one of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ebbtide_check::{
    Options, Report, SourceId, Sources, Timelines, check, environment_files, neighbours, read_referenced,
    siblings, timelines,
};

use super::protocol::{path, uri};
use crate::check::project_options;

/// The texts of the open documents, by their addresses.
#[derive(Debug, Default)]
pub(super) struct Workspace {
    open: BTreeMap<String, String>,
}

/// What is checked: sources, and the addresses of their documents.
#[derive(Debug)]
struct Input {
    sources: Sources,
    addresses: BTreeMap<SourceId, String>,
    options: Options,
    problem: Option<String>,
}

/// A report, and the addresses of its sources.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) report: Report,
    pub(super) addresses: BTreeMap<SourceId, String>,
    /// Why the settings of the project were not used.
    pub(super) problem: Option<String>,
}

impl Workspace {
    pub(super) fn set(&mut self, address: String, text: String) {
        self.open.insert(address, text);
    }

    pub(super) fn close(&mut self, address: &str) {
        self.open.remove(address);
    }

    pub(super) fn has(&self, address: &str) -> bool {
        self.open.contains_key(address)
    }

    /// Returns the open documents that are checked together with one: those of its folder.
    pub(super) fn beside(&self, address: &str) -> Vec<&String> {
        let folder = folder(address);
        self.open
            .keys()
            .filter(|other| *other == address || (folder.is_some() && self::folder(other) == folder))
            .collect()
    }

    /// Checks a document together with the deployment files of its folder, since rules look at several files together, and with what the programs that
    /// use these read beside them, as `ebbtide check` does with a named file.
    pub(super) fn check(&self, address: &str) -> Checked {
        let Input { sources, addresses, options, problem } = self.input(address);
        Checked { report: check(sources, &options), addresses, problem }
    }

    /// Returns the shutdowns of the same files on time axes, and the source of the document.
    pub(super) fn timelines(&self, address: &str) -> (Timelines, Option<SourceId>) {
        let Input { sources, addresses, options, .. } = self.input(address);
        let own = addresses.iter().find(|(_, other)| *other == address).map(|(id, _)| *id);
        (timelines(sources, &options), own)
    }

    fn input(&self, address: &str) -> Input {
        let mut input = Input {
            sources: Sources::new(),
            addresses: BTreeMap::new(),
            options: Options::default(),
            problem: None,
        };
        for open in self.beside(address) {
            let name = path(open).map_or_else(|| open.clone(), |path| path.display().to_string());
            let id = input.sources.add(name, self.open.get(open).cloned().unwrap_or_default());
            input.addresses.insert(id, open.clone());
        }
        let Some(file) = path(address) else { return input };
        let open: Vec<PathBuf> = input.addresses.values().filter_map(|open| path(open)).collect();
        for sibling in siblings(&file) {
            self.add(&mut input, &sibling);
        }
        for neighbour in neighbours(&open) {
            if let Some(id) = self.add(&mut input, &neighbour) {
                input.sources.mark_neighbour(id);
            }
        }
        for variables in environment_files(&input.sources) {
            if let Some(id) = self.add(&mut input, &variables) {
                input.sources.mark_variables(id);
            }
        }
        for (id, referenced) in read_referenced(&mut input.sources) {
            input.addresses.insert(id, uri(&referenced));
        }
        match file.parent().map(project_options).transpose() {
            Ok(options) => input.options = options.unwrap_or_default(),
            Err(problem) => input.problem = Some(problem),
        }
        input
    }

    /// Adds a file that is not there yet: its text in the editor, if it is open.
    fn add(&self, input: &mut Input, file: &Path) -> Option<SourceId> {
        if input.addresses.values().any(|known| path(known).as_deref() == Some(file)) {
            return None;
        }
        let open = self.open.iter().find(|(address, _)| path(address).as_deref() == Some(file));
        // A file that cannot be read is reported by `ebbtide check`; here it is not what is edited.
        let id = match open {
            Some((_, text)) => input.sources.add(file.display().to_string(), text.clone()),
            None => input.sources.add_file(file).ok()?,
        };
        input.addresses.insert(id, open.map_or_else(|| uri(file), |(address, _)| address.clone()));
        Some(id)
    }
}

fn folder(address: &str) -> Option<PathBuf> {
    path(address)?.parent().map(PathBuf::from)
}
