use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::file;
use crate::formats::paths::clean;
use crate::formats::{Assumed, Facts, comment};
use crate::input::{Source, Sources};
use crate::tree::{Comment, Entry, Node, Value};

/// The endings of the files of values that Terraform loads by itself, in the order of their names, after `terraform.tfvars`.
const AUTO: [&str; 2] = [".auto.tfvars", ".auto.tfvars.json"];

/// The references that are followed one after the other.
const MAX_STEPS: usize = 8;

/// The most values of a file that are looked at: a value may repeat another one several times.
const MAX_VALUES: usize = 100_000;

/// A file of a module: resources, values, or both.
#[derive(Debug)]
pub(crate) struct TerraformFile {
    path: String,
    root: Node,
    comments: Vec<Comment>,
}

impl TerraformFile {
    pub(crate) fn new(path: &str, root: Node, comments: Vec<Comment>) -> Self {
        Self { path: path.to_owned(), root, comments }
    }

    fn folder(&self) -> String {
        let folder = Path::new(&self.path).parent().unwrap_or(Path::new(""));
        clean(folder).display().to_string()
    }

    /// Returns whether it has the values of variables: `terraform.tfvars`.
    fn has_values(&self) -> bool {
        is_of_values(&self.path)
    }

    /// Returns how late Terraform loads it, if it does so without `-var-file`.
    fn order(&self) -> Option<(usize, &str)> {
        let name = self.path.rsplit('/').next().unwrap_or(&self.path);
        match name {
            "terraform.tfvars" => Some((0, name)),
            "terraform.tfvars.json" => Some((1, name)),
            _ => AUTO.iter().any(|ending| name.ends_with(ending)).then_some((2, name)),
        }
    }
}

/// Returns whether a file has the name of one with the values of variables.
pub(crate) fn is_of_values(path: &str) -> bool {
    path.ends_with(".tfvars") || path.ends_with(".tfvars.json")
}

/// Returns whether a document defines local values or variables, or calls modules, which set the variables of those.
pub(crate) fn has_values(path: &str, root: &Node) -> bool {
    is_of_values(path) || ["locals", "variable", "module"].iter().any(|key| root.get(key).is_some())
}

/// What the files of a folder define.
#[derive(Debug, Default)]
struct Values {
    locals: BTreeMap<String, Node>,
    /// The defaults of the variables.
    variables: BTreeMap<String, Node>,
    /// The values that Terraform loads by itself if this is the module that it runs in.
    set: BTreeMap<String, Node>,
    /// The variables that a caller of the module, or a file of values for `-var-file`, sets.
    replaced: BTreeSet<String>,
    is_called: bool,
}

/// The variables that a file of values sets.
struct ValuesFile {
    folder: String,
    names: BTreeSet<String>,
    /// Whether Terraform loads it by itself in its folder.
    is_loaded: bool,
}

/// Reads the resources of each file, with the values that the files of its folder define.
pub(crate) fn join(files: Vec<TerraformFile>, sources: &Sources) -> Vec<Facts> {
    let mut folders: BTreeMap<String, Values> = BTreeMap::new();
    let mut set: Vec<ValuesFile> = Vec::new();
    let mut loaded: Vec<&TerraformFile> = files.iter().filter(|file| file.order().is_some()).collect();
    loaded.sort_by_key(|file| file.order());
    for file in loaded {
        let values = folders.entry(file.folder()).or_default();
        values.set.extend(file.root.entries().iter().map(|entry| (entry.key.clone(), entry.node.clone())));
    }
    for file in &files {
        let folder = file.folder();
        if file.has_values() {
            let is_loaded = file.order().is_some();
            let names = file.root.entries().iter().map(|entry| entry.key.clone());
            set.push(ValuesFile { folder, names: names.collect(), is_loaded });
            continue;
        }
        let values = folders.entry(folder.clone()).or_default();
        let locals = named(&file.root, "locals");
        values.locals.extend(locals.map(|entry| (entry.key.clone(), entry.node.clone())));
        values.variables.extend(
            named(&file.root, "variable")
                .filter_map(|entry| Some((entry.key.clone(), entry.node.get("default")?.clone()))),
        );
        for module in named(&file.root, "module") {
            let Some(source) = module.node.text_of("source").filter(|source| source.starts_with('.')) else {
                continue;
            };
            let called = clean(&Path::new(&folder).join(source)).display().to_string();
            let set = module.node.entries().iter().map(|entry| entry.key.clone());
            let called = folders.entry(called).or_default();
            called.replaced.extend(set);
            called.is_called = true;
        }
    }
    // The values for an environment are often in a folder of its own below the module: `-var-file=env/prod.tfvars`.
    for (folder, values) in &mut folders {
        let is_loaded = |file: &&ValuesFile| file.is_loaded && file.folder == *folder && !values.is_called;
        let below = set.iter().filter(|file| Path::new(&file.folder).starts_with(folder) && !is_loaded(file));
        let names: Vec<String> = below.flat_map(|file| file.names.iter().cloned()).collect();
        values.replaced.extend(names);
    }
    let read = |mut file: TerraformFile| {
        let mut assumed = Vec::new();
        if let Some(values) = folders.get(&file.folder()) {
            let mut left = MAX_VALUES;
            values.resolve(&mut file.root, 0, &mut left, &mut assumed);
        }
        let mut facts = Facts { comments: file.comments, assumed, ..Facts::default() };
        file::add(&file.path, &file.root, &mut facts);
        let text = sources.get(file.root.place.source).map_or("", Source::text);
        comment::apply(&mut facts, &file.path, text);
        facts.report_unreadable(&file.path);
        facts.comments.clear();
        facts
    };
    files.into_iter().filter(|file| !file.has_values()).map(read).collect()
}

impl Values {
    /// Replaces the references to values that are known, and notes which of these are only defaults of variables.
    fn resolve(&self, node: &mut Node, steps: usize, left: &mut usize, assumed: &mut Vec<Assumed>) {
        *left = left.saturating_sub(1);
        if *left == 0 {
            return;
        }
        if let Some((mut value, variable)) = self.value_of(node).filter(|_| steps < MAX_STEPS) {
            self.resolve(&mut value, steps.saturating_add(1), left, assumed);
            if value.tag.is_none() && *left > 0 {
                // The setting is where the reference is; the parts of a longer value are where they are written.
                let place = if value.text().is_some() { node.place } else { value.place };
                let inner = assumed.iter().rev().find(|inner| inner.place == value.place);
                let note = variable.map(of_default).or_else(|| Some(inner?.note.clone()));
                assumed.extend(note.map(|note| Assumed { note, place }));
                *node = Node { place, ..value };
            }
            return;
        }
        match &mut node.value {
            Value::Scalar(_) => {}
            Value::List(items) => items.iter_mut().for_each(|item| self.resolve(item, steps, left, assumed)),
            Value::Map(entries) => {
                entries.iter_mut().for_each(|entry| self.resolve(&mut entry.node, steps, left, assumed));
            }
        }
    }

    /// Returns the value that a node names: `local.a`, `var.a`, `local.a.b`, or one of them as the only part of a template. If it is the default of a
    /// variable, also the name of that.
    fn value_of<'n>(&self, node: &'n Node) -> Option<(Node, Option<&'n str>)> {
        let text = node.written()?.trim();
        let text = text.strip_prefix("${").and_then(|text| text.strip_suffix('}')).unwrap_or(text).trim();
        let is_word = |part: &str| {
            !part.is_empty()
                && part.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '-'))
        };
        let mut parts = text.split('.');
        let (kind, name) = (parts.next()?, parts.next().filter(|name| is_word(name))?);
        // A string may have the same text.
        let is_reference = node.tag.is_some() || node.written()?.contains("${");
        let (value, variable) = match kind {
            "local" if is_reference => (self.locals.get(name)?, None),
            "var" if is_reference && !self.replaced.contains(name) => match self.set.get(name) {
                Some(value) => (value, None),
                None => (self.variables.get(name)?, Some(name)),
            },
            _ => return None,
        };
        let value = parts.try_fold(value, |value, part| value.get(part).filter(|_| is_word(part)))?;
        Some((value.clone(), variable))
    }
}

fn of_default(name: &str) -> String {
    format!("var.{name} has its default: no file of the input sets it, and a caller or `-var` may")
}

/// Returns the entries of the blocks of a type: the values of `locals`, or the bodies of blocks with a label.
fn named<'n>(root: &'n Node, kind: &'static str) -> impl Iterator<Item = &'n Entry> {
    let blocks = root.entries().iter().filter(move |entry| entry.key == kind);
    blocks
        .flat_map(|entry| std::slice::from_ref(&entry.node).iter().chain(entry.node.items()))
        .flat_map(Node::entries)
}
