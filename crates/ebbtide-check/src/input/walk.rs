use std::path::{Path, PathBuf};

use ignore::WalkBuilder;

use super::Problem;

/// File name endings that deployment files have. What a file is, its content decides.
const ENDINGS: [&str; 15] = [
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
];

/// Returns the files to check: a file as it is named, and of a folder those whose names a deployment file may have, in the order
/// of their paths.
///
/// `.gitignore` and `.ignore` are respected, hidden files are left out, and symbolic links to folders are not followed.
pub fn collect(paths: &[PathBuf]) -> (Vec<PathBuf>, Vec<Problem>) {
    let (mut files, mut problems) = (Vec::new(), Vec::new());
    for path in paths {
        if path.is_dir() {
            walk(path, &mut files, &mut problems);
        } else {
            files.push(path.clone());
        }
    }
    let mut seen = std::collections::HashSet::new();
    files.retain(|file| seen.insert(file.clone()));
    (files, problems)
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>, problems: &mut Vec<Problem>) {
    let walk = WalkBuilder::new(folder).require_git(false).sort_by_file_path(Path::cmp).build();
    for entry in walk {
        match entry {
            Ok(entry) => {
                let is_file = entry.file_type().is_some_and(|kind| kind.is_file())
                    || (entry.path_is_symlink() && entry.path().is_file());
                if is_file && is_candidate(entry.path()) {
                    files.push(entry.into_path());
                }
            }
            Err(error) => problems.push(Problem::file(folder.display().to_string(), error.to_string())),
        }
    }
}

fn is_candidate(path: &Path) -> bool {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return false };
    let name = name.to_ascii_lowercase();
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    name.contains("entrypoint")
        || name.starts_with("dockerfile")
        || name.starts_with("containerfile")
        || name == "procfile"
        || (name.starts_with("fly.") && ending == Some("toml"))
        || ending.is_some_and(|ending| ENDINGS.contains(&ending))
}

#[cfg(test)]
mod tests {
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
        ] {
            assert!(is_candidate(Path::new(name)), "{name}");
        }
        for name in ["main.rs", "yaml", "README.md", "a.yaml/x", "Cargo.toml"] {
            assert!(!is_candidate(Path::new(name)), "{name}");
        }
    }
}
