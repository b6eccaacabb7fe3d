use std::collections::{BTreeMap, BTreeSet};

use super::named::NamedBuild;
use crate::formats::scalar::build_arguments;
use crate::model::{Build, Declared, is_variable, repository};
use crate::tree::Node;

/// The key of a target that has the text of the Dockerfile.
const INLINE: &str = "dockerfile-inline";

/// Returns whether a document is a file of `docker buildx bake` other than a Compose file.
pub(super) fn is_bake(name: &str, root: &Node) -> bool {
    name.starts_with("docker-bake.")
        && (name.ends_with(".hcl") || name.ends_with(".json"))
        && root.get("target").is_some()
}

/// Returns the images that the targets build, by the names of their tags.
pub(super) fn targets(root: &Node) -> Vec<NamedBuild> {
    let targets = root.entries().iter().filter(|entry| entry.key == "target");
    let targets: Vec<(&str, &Node)> = targets
        .flat_map(|entry| entry.node.entries())
        .map(|target| (target.key.as_str(), &target.node))
        .collect();
    targets.iter().flat_map(|(_, target)| images(target, &targets)).collect()
}

/// Returns the texts of Dockerfiles in targets.
pub(super) fn inline(root: &Node) -> impl Iterator<Item = &Node> {
    let targets = root.entries().iter().filter(|entry| entry.key == "target");
    targets.flat_map(|entry| entry.node.entries()).filter_map(|target| target.node.get(INLINE))
}

fn images<'n>(target: &'n Node, all: &[(&'n str, &'n Node)]) -> Vec<NamedBuild> {
    let value = |key: &str| value(target, key, all, &mut BTreeSet::new());
    let text = |key: &str, default: &str| match value(key) {
        None => Some(default.to_owned()),
        Some(node) => node.text().filter(|text| !is_variable(text)).map(str::to_owned),
    };
    let (Some(context), Some(file)) = (text("context", "."), text("dockerfile", "Dockerfile")) else {
        return Vec::new();
    };
    if context.contains("://") || value(INLINE).is_some() || value("matrix").is_some() {
        return Vec::new();
    }
    let stage = value("target").map(|node| match node.text() {
        Some(text) if !is_variable(text) => Declared::Written(text.to_owned(), node.place),
        _ => Declared::Unresolved(node.place),
    });
    let tags = value("tags").map_or(&[][..], Node::items).iter();
    // The tag itself is often a variable.
    let plain = |name: &&str| !is_variable(name) && !name.contains(['(', ' ']);
    let names = tags.filter_map(|tag| repository(tag.written()?.trim_matches('"'))).filter(plain);
    let arguments = arguments(target, all, &mut BTreeSet::new());
    let build = Build { context, file, target: stage, arguments, place: target.place };
    names.map(|name| NamedBuild { image: name.to_owned(), build: build.clone(), folder: None }).collect()
}

/// Returns the build arguments of a target, with those of the targets that it inherits from which it does not set itself.
fn arguments<'n>(
    target: &'n Node,
    all: &[(&'n str, &'n Node)],
    seen: &mut BTreeSet<&'n str>,
) -> BTreeMap<String, Option<String>> {
    let mut found = BTreeMap::new();
    for name in target.list("inherits").iter().filter_map(Node::text) {
        let parent = all.iter().find(|(other, _)| *other == name).filter(|(other, _)| seen.insert(other));
        if let Some((_, parent)) = parent {
            found.extend(arguments(parent, all, seen));
        }
    }
    found.extend(build_arguments(target.get("args")));
    found
}

/// Returns the value of a target, or that of the last of the targets that it inherits from which has one. Each is asked once.
fn value<'n>(
    target: &'n Node,
    key: &str,
    all: &[(&'n str, &'n Node)],
    seen: &mut BTreeSet<&'n str>,
) -> Option<&'n Node> {
    if let Some(own) = target.get(key) {
        return Some(own);
    }
    for name in target.list("inherits").iter().rev().filter_map(Node::text) {
        let parent = all.iter().find(|(other, _)| *other == name).filter(|(other, _)| seen.insert(other));
        let found = parent.and_then(|(_, parent)| value(parent, key, all, seen));
        if found.is_some() {
            return found;
        }
    }
    None
}
