use std::path::Path;

use super::named::NamedBuild;
use crate::formats::scalar::build_arguments;
use crate::model::{Build, Declared, is_variable, repository};
use crate::tree::Node;

/// Returns whether a document is a configuration of Skaffold.
pub(super) fn is_skaffold(root: &Node) -> bool {
    root.text_of("kind") == Some("Config")
        && root.text_of("apiVersion").is_some_and(|version| version.starts_with("skaffold/"))
}

/// Returns the images that Skaffold builds from a Dockerfile, with those of its profiles.
pub(super) fn artifacts(folder: &Path, root: &Node) -> Vec<NamedBuild> {
    let builds = root.get("build").into_iter();
    let builds = builds.chain(root.list("profiles").iter().filter_map(|profile| profile.get("build")));
    let all = builds.flat_map(|build| build.list("artifacts")).filter_map(|artifact| one(folder, artifact));
    all.collect()
}

/// The builders that read no Dockerfile, or of which this check does not know which one they read.
const OTHERS: [&str; 5] = ["bazel", "buildpacks", "custom", "jib", "ko"];

fn one(folder: &Path, artifact: &Node) -> Option<NamedBuild> {
    if OTHERS.iter().any(|builder| artifact.get(builder).is_some()) {
        return None;
    }
    let image = artifact.text_of("image").filter(|image| !is_variable(image))?;
    let docker = artifact.get("docker").or_else(|| artifact.get("kaniko"));
    let of_docker = |key: &str| docker.and_then(|docker| docker.get(key));
    let context = artifact.text_of("context").unwrap_or(".");
    let file = of_docker("dockerfile").and_then(Node::text).unwrap_or("Dockerfile");
    if is_variable(context) || is_variable(file) {
        return None;
    }
    let target = of_docker("target").map(|node| match node.text() {
        Some(text) if !is_variable(text) => Declared::Written(text.to_owned(), node.place),
        _ => Declared::Unresolved(node.place),
    });
    let arguments = build_arguments(of_docker("buildArgs"));
    let (context, file) = (context.to_owned(), file.to_owned());
    let build = Build { context, file, target, arguments, place: artifact.place };
    Some(NamedBuild { image: repository(image)?.to_owned(), build, folder: Some(folder.to_owned()) })
}
