//! Which files are one project of Compose: the base with its override file, what services extend, and what is included.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use super::merge::merge;
use super::service::{TIME, awaited, service};
use crate::formats::paths::clean;
use crate::input::{COMPOSE_BASES, COMPOSE_OVERRIDES, Place, Problem, Sources};
use crate::model::{Platform, Workload};
use crate::tree::{Entry, Node, Value};

/// The longest chain of services that extend another one.
const MAX_CHAIN: usize = 32;

/// A document with services.
#[derive(Debug)]
pub(crate) struct ComposeFile {
    name: String,
    path: PathBuf,
    root: Node,
    /// Whether it is a Compose file by its content. Another one counts if a file names it.
    is_whole: bool,
}

impl ComposeFile {
    pub(crate) fn new(name: &str, root: Node, is_whole: bool) -> Self {
        Self { name: name.to_owned(), path: clean(Path::new(name)), root, is_whole }
    }

    fn services(&self) -> &[Entry] {
        self.root.get("services").map_or(&[][..], Node::entries)
    }

    fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    fn is_override(&self) -> bool {
        is_override(&self.name)
    }

    /// Returns whether `docker compose` reads it without being told to.
    fn is_base(&self) -> bool {
        is_base(&self.name)
    }
}

/// Returns whether a file has the name of one that Compose reads without being told to.
pub(crate) fn is_base(name: &str) -> bool {
    COMPOSE_BASES.contains(&file_name(name))
}

/// Returns whether a file has the name of one that Compose merges into the base beside it.
pub(crate) fn is_override(name: &str) -> bool {
    COMPOSE_OVERRIDES.contains(&file_name(name))
}

fn file_name(name: &str) -> &str {
    name.rsplit(['/', '\\']).next().unwrap_or(name)
}

/// Turns the files into the services of their projects.
///
/// Returns what is left out. It is no failure: what is in the input was checked.
pub(crate) fn join_files(
    workloads: &mut Vec<Workload>,
    documents: Vec<ComposeFile>,
    sources: &Sources,
) -> Vec<Problem> {
    let files = &of_documents(documents)[..];
    let mut projects = Projects::new(files);
    for file in files.iter().filter(|file| file.is_whole) {
        projects.add(file, workloads);
    }
    note_oneshots(workloads, files, sources);
    let problem = |NotRead { place, message }| Problem {
        path: sources.name(place).to_owned(),
        place: Some(place),
        message,
        is_failure: false,
    };
    projects.not_read.into_iter().map(problem).collect()
}

/// Merges the documents of each file into one, as Compose does.
fn of_documents(documents: Vec<ComposeFile>) -> Vec<ComposeFile> {
    let mut files: Vec<ComposeFile> = Vec::new();
    for document in documents {
        match files.last_mut().filter(|file| file.name == document.name) {
            Some(file) => {
                file.root = merge(&file.root, &document.root);
                file.is_whole |= document.is_whole;
            }
            None => files.push(document),
        }
    }
    files
}

/// Marks the services that others of their folder wait for to have finished.
fn note_oneshots(workloads: &mut [Workload], files: &[ComposeFile], sources: &Sources) {
    let mut names: BTreeSet<(&Path, &str)> = BTreeSet::new();
    for file in files {
        let awaited = file.services().iter().flat_map(|entry| awaited(&entry.node));
        names.extend(awaited.map(|name| (file.folder(), name)));
    }
    for workload in workloads.iter_mut().filter(|workload| workload.platform == Platform::Compose) {
        let path = clean(Path::new(sources.name(workload.place)));
        let folder = path.parent().unwrap_or(Path::new(""));
        workload.is_oneshot |= names.contains(&(folder, workload.name.as_str()));
    }
}

/// A reference that cannot be followed, and what is therefore left out.
struct NotRead {
    place: Place,
    message: String,
}

struct Projects<'f> {
    by_path: HashMap<&'f Path, Vec<&'f ComposeFile>>,
    /// The services that those of other files extend, by their places: parts of services, unless the file is a project too.
    extended: BTreeSet<Place>,
    /// The services that an override file or a list of included files changes elsewhere.
    changed: BTreeSet<Place>,
    not_read: Vec<NotRead>,
}

impl<'f> Projects<'f> {
    fn new(files: &'f [ComposeFile]) -> Self {
        let mut by_path: HashMap<&Path, Vec<&ComposeFile>> = HashMap::new();
        for file in files {
            by_path.entry(&file.path).or_default().push(file);
        }
        let mut projects =
            Self { by_path, extended: BTreeSet::new(), changed: BTreeSet::new(), not_read: Vec::new() };
        for file in files.iter().filter(|file| file.is_whole) {
            projects.note_extended(file);
        }
        for file in files.iter().filter(|file| file.is_whole) {
            projects.note_changed(file);
        }
        projects
    }

    fn note_extended(&mut self, file: &'f ComposeFile) {
        for entry in file.services() {
            let (mut file, mut entry) = (file, entry);
            let mut is_elsewhere = false;
            for _ in 0..MAX_CHAIN {
                let Some(extends) = entry.node.get("extends") else { break };
                let Ok((target, base)) = self.base(file, extends) else { break };
                is_elsewhere |= target.path != file.path;
                if is_elsewhere && !target.is_base() {
                    self.extended.insert(base.key_place);
                }
                (file, entry) = (target, base);
            }
        }
    }

    /// Notes the included services that the override file of the project changes.
    fn note_changed(&mut self, file: &'f ComposeFile) {
        let overs = self.overrides(file);
        for over in overs.iter().flat_map(|over| over.services()) {
            if file.services().iter().all(|own| own.key != over.key)
                && let Some((_, included)) = self.included(file, &over.key)
            {
                self.changed.insert(included.key_place);
            }
        }
        for paths in include_lists(&file.root) {
            let found: Vec<_> = paths.iter().filter_map(|path| self.find(file, path.text()?)).collect();
            let Some((first, overs)) = found.split_first() else { continue };
            for over in overs.iter().flat_map(|over| over.services()) {
                self.changed.insert(over.key_place);
                let base = first.services().iter().find(|base| base.key == over.key);
                self.changed.extend(base.map(|base| base.key_place));
            }
        }
    }

    /// Adds the services of a file.
    fn add(&mut self, file: &'f ComposeFile, workloads: &mut Vec<Workload>) {
        if file.is_override() && !self.has_base(file) {
            let message = "not read: the Compose file that it overrides is not in the input";
            self.note(file.root.place, message.to_owned());
            return;
        }
        if file.is_override() {
            return;
        }
        let overs = self.overrides(file);
        for entry in file.services() {
            if !self.extended.contains(&entry.key_place) && !self.changed.contains(&entry.key_place) {
                self.add_service(file, entry, &overs, workloads);
            }
        }
        // What only the override file has: a service of its own, or one that is included.
        let mut added = BTreeSet::new();
        for over in &overs {
            for entry in over.services() {
                if file.services().iter().any(|own| own.key == entry.key) || !added.insert(entry.key.as_str())
                {
                    continue;
                }
                match self.included(file, &entry.key) {
                    Some((included, base)) => self.add_service(included, base, &overs, workloads),
                    None if self.misses_included(file) => {}
                    None => self.add_service(over, entry, &[], workloads),
                }
            }
        }
        self.add_included(file, workloads);
    }

    /// Adds the services of lists of included files, which are merged with each other, and notes what is not in the input.
    fn add_included(&mut self, file: &'f ComposeFile, workloads: &mut Vec<Workload>) {
        for paths in include_lists(&file.root) {
            let found: Vec<_> = paths.iter().map(|path| (path, path.text())).collect();
            let mut files = Vec::new();
            for (path, text) in found {
                match text.and_then(|text| self.find(file, text)) {
                    Some(included) => files.push(included),
                    None => {
                        let name = path.written().unwrap_or_default();
                        let message = format!("included file `{name}` is not in the input: not read");
                        self.note(path.place, message);
                    }
                }
            }
            let Some((first, overs)) = files.split_first().filter(|(_, overs)| !overs.is_empty()) else {
                continue;
            };
            let overs: Vec<&ComposeFile> = overs.to_vec();
            for entry in first.services() {
                if overs.iter().any(|over| over.services().iter().any(|other| other.key == entry.key)) {
                    self.add_service(first, entry, &overs, workloads);
                }
            }
        }
    }

    fn add_service(
        &mut self,
        file: &'f ComposeFile,
        entry: &'f Entry,
        overs: &[&'f ComposeFile],
        workloads: &mut Vec<Workload>,
    ) {
        match self.merged(file, entry, overs) {
            Ok(merged) => {
                let mut workload = service(&merged);
                // Where it is written and reset elsewhere, another one beside it would be its duplicate.
                if entry.node.entry(TIME.0).is_some() {
                    workload.grace_slot = None;
                }
                workloads.push(workload);
            }
            Err(NotRead { place, message }) => {
                self.note(place, format!("service `{}` is not read: {message}", entry.key));
            }
        }
    }

    /// Returns a service with what it extends and what overrides it.
    fn merged(
        &self,
        file: &'f ComposeFile,
        entry: &'f Entry,
        overs: &[&'f ComposeFile],
    ) -> Result<Entry, NotRead> {
        let mut node = self.resolve(file, entry, &mut Vec::new())?;
        for over in overs {
            if let Some(part) = over.services().iter().find(|part| part.key == entry.key) {
                node = merge(&node, &self.resolve(over, part, &mut Vec::new())?);
            }
        }
        Ok(Entry { node, ..entry.clone() })
    }

    /// Returns a service merged into the one that it extends.
    fn resolve(
        &self,
        file: &'f ComposeFile,
        entry: &'f Entry,
        chain: &mut Vec<Place>,
    ) -> Result<Node, NotRead> {
        let Some(extends) = entry.node.get("extends") else { return Ok(entry.node.clone()) };
        if chain.contains(&entry.key_place) || chain.len() >= MAX_CHAIN {
            return Err(NotRead { place: extends.place, message: "it extends itself".to_owned() });
        }
        chain.push(entry.key_place);
        let (target, base) = self.base(file, extends)?;
        let mut merged = merge(&self.resolve(target, base, chain)?, &entry.node);
        if let Value::Map(entries) = &mut merged.value {
            entries.retain(|entry| entry.key != "extends");
        }
        // A setting is added where the service is.
        Ok(Node { place: entry.node.place, ..merged })
    }

    /// Returns the service that `extends` names, and its file.
    fn base(
        &self,
        file: &'f ComposeFile,
        extends: &'f Node,
    ) -> Result<(&'f ComposeFile, &'f Entry), NotRead> {
        let not_read = |message: String| NotRead { place: extends.place, message };
        let service = extends.text().or_else(|| extends.text_of("service"));
        let Some(service) = service.filter(|name| !name.contains('$')) else {
            return Err(not_read("what it extends is not known before the deploy".to_owned()));
        };
        let targets = match extends.get("file") {
            None => vec![file],
            Some(node) => {
                let path = node.written().unwrap_or_default();
                let found = clean(&file.folder().join(path));
                let Some(targets) = self.by_path.get(found.as_path()) else {
                    return Err(not_read(format!(
                        "it extends `{service}` of `{path}`, which is not in the input"
                    )));
                };
                targets.clone()
            }
        };
        let mut found = targets.iter().filter_map(|target| {
            let entry = target.services().iter().find(|entry| entry.key == service)?;
            Some((*target, entry))
        });
        found.next().ok_or_else(|| not_read(format!("it extends `{service}`, which does not exist")))
    }

    /// Returns the override file of a project, if this is its base.
    fn overrides(&self, file: &'f ComposeFile) -> Vec<&'f ComposeFile> {
        if self.in_folder(file.folder(), &COMPOSE_BASES).is_none_or(|base| base.path != file.path) {
            return Vec::new();
        }
        self.in_folder(file.folder(), &COMPOSE_OVERRIDES).into_iter().collect()
    }

    fn has_base(&self, file: &ComposeFile) -> bool {
        self.in_folder(file.folder(), &COMPOSE_BASES).is_some()
    }

    fn in_folder(&self, folder: &Path, names: &[&str]) -> Option<&'f ComposeFile> {
        let mut found = names.iter().filter_map(|name| self.by_path.get(folder.join(name).as_path()));
        found.next()?.iter().copied().find(|file| file.is_whole)
    }

    fn find(&self, file: &ComposeFile, path: &str) -> Option<&'f ComposeFile> {
        let found = clean(&file.folder().join(path));
        self.by_path.get(found.as_path())?.first().copied()
    }

    /// Returns a service of an included file.
    fn included(&self, file: &ComposeFile, name: &str) -> Option<(&'f ComposeFile, &'f Entry)> {
        include_lists(&file.root).into_iter().flatten().find_map(|path| {
            let included = self.find(file, path.text()?)?;
            let entry = included.services().iter().find(|entry| entry.key == name)?;
            Some((included, entry))
        })
    }

    fn misses_included(&self, file: &ComposeFile) -> bool {
        let all = include_lists(&file.root).into_iter().flatten();
        all.into_iter().any(|path| path.text().and_then(|path| self.find(file, path)).is_none())
    }

    fn note(&mut self, place: Place, message: String) {
        self.not_read.push(NotRead { place, message });
    }
}

/// Returns the files of each entry of `include`.
fn include_lists(root: &Node) -> Vec<Vec<&Node>> {
    let paths = |item| {
        let path: &Node = Node::get(item, "path").unwrap_or(item);
        if path.items().is_empty() { vec![path] } else { path.items().iter().collect() }
    };
    root.list("include").iter().map(paths).collect()
}
