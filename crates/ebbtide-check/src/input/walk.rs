use std::collections::HashSet;
use std::fs::{self, FileType};
use std::path::{Path, PathBuf};

use ignore::WalkBuilder;

use super::{GUNICORN_FILE, Problem};

/// File name endings that deployment files have. What a file is, its content decides.
const ENDINGS: [&str; 17] = [
    "yaml",
    "yml",
    "json",
    "service",
    "conf",
    "sh",
    "container",
    "kube",
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

/// Those of units that belong to a container of Podman: which image it runs, and its pod. Other programs have files with these endings too, such as
/// images of disks and pages of Perl.
const OF_CONTAINERS: [&str; 3] = ["build", "image", "pod"];

/// Returns the files to check: a file as it is named, and of a folder those whose names a deployment file may have, in the order
/// of their paths.
///
/// `.gitignore` and `.ignore` are respected, hidden files except `.env` are left out, and symbolic links to folders are not followed: one to a folder
/// elsewhere that has such files is a note, and so is a link with such a name that leads to nothing. A FIFO or a socket with such a name is among the
/// files: [`Sources::add_file`](super::Sources::add_file) refuses it.
pub fn collect(paths: &[PathBuf]) -> (Vec<PathBuf>, Vec<Problem>) {
    let (mut files, mut problems) = (Vec::new(), Vec::new());
    for path in paths {
        if path.is_dir() {
            walk(path, None, &mut files, &mut problems);
        } else {
            files.push(path.clone());
        }
    }
    let mut seen = HashSet::new();
    files.retain(|file| seen.insert(file.clone()));
    (files, problems)
}

/// Returns the files of a file's folder that [`collect`] would find, without those of the folders in it.
pub fn siblings(file: &Path) -> Vec<PathBuf> {
    file.parent().map(in_folder).unwrap_or_default()
}

/// Returns the files of a folder itself that [`collect`] would find.
pub(super) fn in_folder(folder: &Path) -> Vec<PathBuf> {
    below(folder, 1)
}

/// Returns those of a folder and of the folders below it, this deep.
pub(super) fn below(folder: &Path, depth: usize) -> Vec<PathBuf> {
    let (mut files, mut problems) = (Vec::new(), Vec::new());
    let is_current = folder.as_os_str().is_empty();
    walk(if is_current { Path::new(".") } else { folder }, Some(depth), &mut files, &mut problems);
    let named = |file: PathBuf| match file.strip_prefix(".") {
        Ok(name) if is_current => name.to_owned(),
        _ => file,
    };
    files.into_iter().map(named).collect()
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
    let mut found = Vec::new();
    for entry in builder.build() {
        match entry {
            Ok(entry) => {
                // The folder itself may be named by a link. Of another link, what it leads to.
                let is_link = entry.depth() > 0 && entry.path_is_symlink();
                let kind = if is_link { target(entry.path(), folder, problems) } else { entry.file_type() };
                // A FIFO or a socket of such a name is reported when it is to be read.
                if kind.is_some_and(|kind| !kind.is_dir())
                    && (is_candidate(entry.path()) || has_ending(entry.path(), &OF_CONTAINERS))
                {
                    found.push(entry.into_path());
                }
            }
            Err(error) => problems.push(Problem::file(folder.display().to_string(), error.to_string())),
        }
    }
    let of_containers = found.iter().filter(|file| has_ending(file, &["container"]));
    let folders: HashSet<PathBuf> =
        of_containers.filter_map(|file| Some(file.parent()?.to_owned())).collect();
    let is_meant = |file: &PathBuf| {
        !has_ending(file, &OF_CONTAINERS) || file.parent().is_some_and(|folder| folders.contains(folder))
    };
    files.extend(found.into_iter().filter(is_meant));
}

/// Returns what a symbolic link leads to. Notes a link that hides a deployment file: its target cannot be reached, or is a folder outside of the one
/// that is walked.
fn target(link: &Path, walked: &Path, problems: &mut Vec<Problem>) -> Option<FileType> {
    let mut note = |message: String| problems.push(Problem::note(link.display().to_string(), message));
    match fs::metadata(link) {
        Ok(target) => {
            if target.is_dir() && is_outside(link, walked) && has_candidates(link) {
                note(
                    "symbolic link to a folder, which is not followed: name the folder to check it"
                        .to_owned(),
                );
            }
            Some(target.file_type())
        }
        Err(error) => {
            if is_candidate(link) {
                note(format!("symbolic link that leads to no file: {error}"));
            }
            None
        }
    }
}

/// Returns whether the target of a link is not found by the walk of a folder.
fn is_outside(link: &Path, walked: &Path) -> bool {
    match (link.canonicalize(), walked.canonicalize()) {
        (Ok(target), Ok(walked)) => !target.starts_with(&walked) && !walked.starts_with(&target),
        _ => false,
    }
}

/// Returns whether a folder itself has a file that would be checked.
fn has_candidates(folder: &Path) -> bool {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    entries.map(|entry| entry.path()).any(|path| is_candidate(&path) && path.is_file())
}

fn has_ending(path: &Path, endings: &[&str]) -> bool {
    path.extension().and_then(|ending| ending.to_str()).is_some_and(|ending| endings.contains(&ending))
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
        || name == GUNICORN_FILE
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
            "shop.kube",
        ] {
            assert!(is_candidate(Path::new(name)), "{name}");
        }
        assert!(is_candidate(Path::new(OsStr::from_bytes(b"caf\xe9.yaml"))));
        for name in ["main.rs", "yaml", "README.md", "a.yaml/x", "Cargo.toml", "disk.image", "x.build"] {
            assert!(!is_candidate(Path::new(name)), "{name}");
        }
    }

    #[test]
    fn units_of_images_and_pods_are_found_beside_those_of_containers() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        };
        for name in [
            "quadlets/web.container",
            "quadlets/web.build",
            "quadlets/db.image",
            "quadlets/web.pod",
            "vm/disk.image",
            "perl/perldoc.pod",
        ] {
            write(name);
        }
        let (files, problems) = collect(&[folder.path().to_owned()]);
        let names: Vec<_> = files.iter().map(|file| file.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!((names, problems.len()), (vec!["db.image", "web.build", "web.container", "web.pod"], 0));
    }
}
