//! The files of variables that units name, where they may be for a unit that is not installed yet.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::unit_folders::unit_folders;
use super::{Sources, unit_kind};

const KEY: &str = "EnvironmentFile";

/// Returns the files that `EnvironmentFile=` of a unit among the sources names, and that are not among them: below the root that the unit is installed
/// in, or beside the unit under the same name.
pub fn environment_files(sources: &Sources) -> Vec<PathBuf> {
    let mut found = BTreeSet::new();
    for (_, source) in sources.iter() {
        let unit = Path::new(source.name());
        let is_unit = unit_kind(source.name()).is_some() || source.name().ends_with(".conf");
        if !is_unit || source.is_rendered() {
            continue;
        }
        for line in source.text().lines() {
            let value = line.trim().strip_prefix(KEY).and_then(|rest| rest.trim_start().strip_prefix('='));
            let path = value.map_or("", |value| value.trim().trim_start_matches('-'));
            found.extend(candidates(folder_of_units(unit), path).into_iter().find(|file| file.is_file()));
        }
    }
    let known: BTreeSet<&Path> = sources.iter().map(|(_, source)| Path::new(source.name())).collect();
    found.into_iter().filter(|file| !known.contains(file.as_path())).collect()
}

/// Returns the folder of a unit, or of the units that a drop-in changes.
pub(crate) fn folder_of_units(unit: &Path) -> &Path {
    let folder = unit.parent().unwrap_or(Path::new(""));
    let is_of_drop_ins = folder.extension().is_some_and(|ending| ending == "d");
    if is_of_drop_ins { folder.parent().unwrap_or(folder) } else { folder }
}

fn candidates(units: &Path, path: &str) -> Vec<PathBuf> {
    let Some(name) = Path::new(path).file_name() else { return Vec::new() };
    let Some(inside) = path.strip_prefix('/') else { return vec![units.join(path)] };
    let is_installed = |root: &&Path| {
        let below = units.strip_prefix(root).ok();
        below.is_some_and(|below| unit_folders().any(|folder| Path::new(folder) == below))
    };
    let roots = units.ancestors().filter(is_installed);
    roots.map(|root| root.join(inside)).chain([units.join(name)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_variables_are_found_below_the_root_of_a_unit_and_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let files =
            ["r/etc/default/web", "deploy/web", "deploy/web.env", "etc/default/api", "deploy/sub/x.env"];
        for name in files {
            let path = root.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "A=1\n").unwrap();
        }
        for (unit, path, expected) in [
            ("r/etc/systemd/system/web.service", "-/etc/default/web", Some("r/etc/default/web")),
            ("r/etc/systemd/system/web.service.d/a.conf", "/etc/default/web", Some("r/etc/default/web")),
            ("r/usr/lib/systemd/system/web.service", "/etc/default/web", Some("r/etc/default/web")),
            ("deploy/web.service", "/etc/default/web", Some("deploy/web")),
            ("deploy/web.service", "/etc/web/web.env", Some("deploy/web.env")),
            ("deploy/web.container", "sub/x.env", Some("deploy/sub/x.env")),
            ("deploy/web.service", "/etc/default/api", None),
            ("deploy/web.service", "/etc/web/*.env", None),
            ("deploy/web.yaml", "/etc/web/web.env", None),
        ] {
            let mut sources = Sources::new();
            let text = format!("[Service]\nEnvironmentFile = {path}\n");
            sources.add(root.join(unit).display().to_string(), text);
            let expected: Vec<_> = expected.iter().map(|name| root.join(name)).collect();
            assert_eq!(environment_files(&sources), expected, "{unit} {path}");
            for file in expected {
                sources.add_file(&file).unwrap();
            }
            assert_eq!(environment_files(&sources), [""; 0].map(PathBuf::from), "{unit} {path}");
        }
    }
}
