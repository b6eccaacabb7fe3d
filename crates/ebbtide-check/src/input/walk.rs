use std::fs;
use std::path::{Path, PathBuf};

use ignore::WalkBuilder;

use super::Problem;

/// File name endings that deployment files have. What a file is, its content decides.
const ENDINGS: [&str; 16] = [
    "yaml",
    "yml",
    "json",
    "service",
    "conf",
    "sh",
    "container",
    "dockerfile",
    "containerfile",
    "timer",
    "tf",
    "tofu",
    "tfvars",
    "hcl",
    "nomad",
    "env",
];

/// Returns the files to check: a file as it is named, and of a folder those whose names a deployment file may have, in the order
/// of their paths.
///
/// `.gitignore` and `.ignore` are respected, hidden files except `.env` are left out, and symbolic links to folders are not followed. A FIFO or a socket
/// with such a name is among them: [`Sources::add_file`](super::Sources::add_file) refuses it.
pub fn collect(paths: &[PathBuf]) -> (Vec<PathBuf>, Vec<Problem>) {
    let (mut files, mut problems) = (Vec::new(), Vec::new());
    for path in paths {
        if path.is_dir() {
            walk(path, None, &mut files, &mut problems);
        } else {
            files.push(path.clone());
        }
    }
    let mut seen = std::collections::HashSet::new();
    files.retain(|file| seen.insert(file.clone()));
    (files, problems)
}

/// Returns the files of a file's folder that [`collect`] would find, without those of the folders in it.
pub fn siblings(file: &Path) -> Vec<PathBuf> {
    let (mut files, mut problems) = (Vec::new(), Vec::new());
    if let Some(folder) = file.parent() {
        walk(folder, Some(1), &mut files, &mut problems);
    }
    files
}

fn walk(folder: &Path, depth: Option<usize>, files: &mut Vec<PathBuf>, problems: &mut Vec<Problem>) {
    let mut builder = WalkBuilder::new(folder);
    builder.require_git(false).max_depth(depth).sort_by_file_path(Path::cmp);
    // Compose's files of variables are hidden ones.
    builder.hidden(false).filter_entry(|entry| {
        let name = entry.file_name().as_encoded_bytes();
        let is_folder = entry.file_type().is_some_and(|kind| kind.is_dir());
        entry.depth() == 0 || !name.starts_with(b".") || !is_folder && is_env(name)
    });
    for entry in builder.build() {
        match entry {
            Ok(entry) => {
                // Of a link, what it leads to; nothing if that is missing.
                let kind = if entry.path_is_symlink() {
                    fs::metadata(entry.path()).ok().map(|target| target.file_type())
                } else {
                    entry.file_type()
                };
                // A FIFO or a socket of such a name is reported when it is to be read.
                if kind.is_some_and(|kind| !kind.is_dir()) && is_candidate(entry.path()) {
                    files.push(entry.into_path());
                }
            }
            Err(error) => problems.push(Problem::file(folder.display().to_string(), error.to_string())),
        }
    }
}

fn is_candidate(path: &Path) -> bool {
    // A name that is not UTF-8 may have such an ending too.
    let Some(name) = path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()) else {
        return false;
    };
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    is_env(name.as_bytes())
        || name.contains("entrypoint")
        || name.starts_with("dockerfile")
        || name.starts_with("containerfile")
        || name == "procfile"
        || (name.starts_with("fly.") && ending == Some("toml"))
        || ending.is_some_and(|ending| ENDINGS.contains(&ending))
}

/// Returns whether a file of variables has such a name: `.env`, `.env.production`.
fn is_env(name: &[u8]) -> bool {
    name == b".env" || name.starts_with(b".env.")
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    use super::*;

    #[test]
    fn names_of_deployment_files_are_candidates() {
        for name in [
            "a/deploy.YAML",
            "Dockerfile",
            "Dockerfile.prod",
            "api.dockerfile",
            "x.service",
            "10-x.conf",
            "ecs.tf",
            "web.nomad.hcl",
            "fly.staging.toml",
            "Procfile",
            ".env",
            "a/.env.production",
            "shop.env",
        ] {
            assert!(is_candidate(Path::new(name)), "{name}");
        }
        assert!(is_candidate(Path::new(OsStr::from_bytes(b"caf\xe9.yaml"))));
        for name in ["main.rs", "yaml", "README.md", "a.yaml/x", "Cargo.toml"] {
            assert!(!is_candidate(Path::new(name)), "{name}");
        }
    }
}
