//! The documents that are open in the editor, and what is checked together with one of them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use ebbtide_check::{Options, Report, SourceId, Sources, Timelines, check, siblings, timelines};

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

    /// Checks a document together with the deployment files of its folder, since rules look at several files together.
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
        for sibling in siblings(&file) {
            let other = uri(&sibling);
            // A file that cannot be read is reported by `ebbtide check`; here it is not what is edited.
            if !input.addresses.values().any(|open| path(open).as_ref() == Some(&sibling))
                && let Ok(id) = input.sources.add_file(&sibling)
            {
                input.addresses.insert(id, other);
            }
        }
        match file.parent().map(project_options).transpose() {
            Ok(options) => input.options = options.unwrap_or_default(),
            Err(problem) => input.problem = Some(problem),
        }
        input
    }
}

fn folder(address: &str) -> Option<PathBuf> {
    path(address)?.parent().map(PathBuf::from)
}
