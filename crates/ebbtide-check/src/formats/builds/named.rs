use std::path::{Path, PathBuf};

use super::kustomization::{self, Kustomization};
use super::{bake, skaffold};
use crate::model::Build;
use crate::tree::Node;

/// What the files of Skaffold, Bake and Kustomize say about images.
#[derive(Debug, Default)]
pub(crate) struct Builds {
    pub(super) named: Vec<NamedBuild>,
    pub(super) kustomizations: Vec<Kustomization>,
}

/// An image that is built under a name.
#[derive(Debug)]
pub(super) struct NamedBuild {
    /// The image without tag and digest.
    pub(super) image: String,
    pub(super) build: Build,
    /// The folder of the files in which the name means this image even without a registry or an owner.
    pub(super) folder: Option<PathBuf>,
}

impl Builds {
    pub(crate) fn append(&mut self, mut other: Self) {
        self.named.append(&mut other.named);
        self.kustomizations.append(&mut other.kustomizations);
    }
}

/// Adds what a document says about images. Returns whether it is one of those files.
pub(crate) fn add(path: &str, root: &Node, builds: &mut Builds) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    if skaffold::is_skaffold(root) {
        builds.named.extend(skaffold::artifacts(&folder(path), root));
    } else if kustomization::is_kustomization(name, root) {
        builds.kustomizations.push(kustomization::read(folder(path), root));
    } else if bake::is_bake(name, root) {
        builds.named.extend(bake::targets(root));
    } else {
        return false;
    }
    true
}

fn folder(path: &str) -> PathBuf {
    Path::new(path).parent().unwrap_or(Path::new("")).to_owned()
}

/// Returns the Dockerfiles whose text is in a document that describes builds.
pub(crate) fn inline<'n>(path: &str, root: &'n Node) -> impl Iterator<Item = &'n Node> {
    let is_bake = bake::is_bake(path.rsplit('/').next().unwrap_or(path), root);
    bake::inline(root).filter(move |_| is_bake)
}
