//! What belongs to a file without being named in it: systemd, Docker Compose and Terraform read it too.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::unit_folders::unit_folder;
use super::units::{UNITS, UnitKind, unit_kind};
use super::walk::{below, in_folder};

/// The names of the file that `docker compose` reads without `-f`, the first one that is there.
pub(crate) const COMPOSE_BASES: [&str; 4] =
    ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];

/// The names of the file that it then merges into it, the first one that is there: compose-go, `cli/options.go`.
pub(crate) const COMPOSE_OVERRIDES: [&str; 4] = [
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
];

/// The file that gunicorn reads in the folder that it starts in.
pub(crate) const GUNICORN_FILE: &str = "gunicorn.conf.py";

/// The endings of the files of a module of Terraform, and of the values that it reads.
const MODULE: [&str; 3] = [".tf", ".tofu", ".tf.json"];
const VALUES: [&str; 2] = [".tfvars", ".tfvars.json"];

/// The folders below a module in which the values of its environments are: `env/eu/prod.tfvars`.
const VALUES_DEPTH: usize = 3;

/// The units that the drop-ins of a folder belong to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct DropIns {
    /// The name of the folder without `.d`.
    name: String,
}

/// Returns the units that a folder of this name has drop-ins of: `web.service.d`, `web@.service.d`, `shop-.service.d`, `service.d`.
pub(crate) fn drop_ins_of(folder: &str) -> Option<DropIns> {
    let name = folder.strip_suffix(".d")?;
    let is_unit =
        |kind: &UnitKind| name.ends_with(kind.ending) || kind.ending.strip_prefix('.') == Some(name);
    UNITS.iter().any(is_unit).then(|| DropIns { name: name.to_owned() })
}

impl DropIns {
    /// Returns whether they belong to a unit: to that unit, to its template, to a begin of its name that ends with a dash, or to its type.
    pub(crate) fn has(&self, unit: &str) -> bool {
        let Some((stem, ending)) = unit.rsplit_once('.') else { return false };
        if self.name == unit || self.name == ending {
            return true;
        }
        let Some(own) = self.name.strip_suffix(ending).and_then(|name| name.strip_suffix('.')) else {
            return false;
        };
        let template = stem.split_once('@').map(|(prefix, _)| prefix);
        own.strip_suffix('@').is_some_and(|prefix| template == Some(prefix))
            || (own.ends_with('-') && stem.starts_with(own))
    }

    /// Returns the unit that they belong to alone.
    pub(crate) fn unit(&self) -> Option<&str> {
        let (stem, _) = self.name.rsplit_once('.')?;
        (!stem.ends_with('-')).then_some(&*self.name)
    }
}

/// Returns the files beside those that are named which the programs that use these read too: the drop-ins of a unit, the override file of a
/// Compose file, the other files of a module of Terraform, and the settings of gunicorn beside a Dockerfile or a Procfile. Of a drop-in and of an override file it is what they change.
pub fn neighbours(named: &[PathBuf]) -> Vec<PathBuf> {
    let (mut found, mut modules) = (BTreeSet::new(), BTreeSet::new());
    for file in named {
        let (Some(name), Some(folder)) = (file.file_name().and_then(|name| name.to_str()), file.parent())
        else {
            continue;
        };
        if let Some(names) = of_compose(name) {
            found.extend(names.iter().map(|name| folder.join(name)).filter(|other| other.is_file()));
        } else if ends_with_any(name, &MODULE) {
            if modules.insert(folder) {
                found.extend(with_names(in_folder(folder), |name| ends_with_any(name, &MODULE)));
                let below = below(folder, VALUES_DEPTH);
                found.extend(with_names(below, |name| ends_with_any(name, &VALUES)));
            }
        } else if name == "Procfile" || is_dockerfile(name) {
            found.extend(Some(folder.join(GUNICORN_FILE)).filter(|other| other.is_file()));
        } else if unit_kind(name).is_some() {
            for folder in folders_of_units(folder) {
                found.extend(drop_ins(&folder, |of| of.has(name) || is_instance(of, name)));
                found.extend(Some(folder.join(name)).filter(|other| other != file && other.is_file()));
            }
        } else if let Some(of) = folder.file_name().and_then(|folder| drop_ins_of(folder.to_str()?)) {
            let units = folder.parent().unwrap_or(Path::new(""));
            let is_unit = |name: &str| unit_kind(name).is_some() && (of.has(name) || is_instance(&of, name));
            let folders = folders_of_units(units);
            let changed = folders.iter().flat_map(|units| with_names(in_folder(units), is_unit));
            let changed: Vec<PathBuf> = changed.collect();
            let names: Vec<String> = changed.iter().map(|unit| file_name(unit).to_owned()).collect();
            for units in &folders {
                found.extend(drop_ins(units, |other| {
                    names.iter().any(|name| other.has(name)) || *other == of
                }));
            }
            found.extend(changed);
        }
    }
    found.into_iter().filter(|file| !named.contains(file)).collect()
}

/// Returns the names of the files that Compose merges with one of this name.
fn of_compose(name: &str) -> Option<&'static [&'static str]> {
    if COMPOSE_BASES.contains(&name) {
        Some(&COMPOSE_OVERRIDES)
    } else {
        COMPOSE_OVERRIDES.contains(&name).then_some(&COMPOSE_BASES)
    }
}

fn is_dockerfile(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["dockerfile", "containerfile"].iter().any(|word| name.starts_with(word) || name.ends_with(word))
}

/// Returns the folders whose units systemd reads as those of one.
fn folders_of_units(folder: &Path) -> Vec<PathBuf> {
    match folder.to_str().and_then(unit_folder) {
        Some(found) => found.all().map(PathBuf::from).collect(),
        None => vec![folder.to_owned()],
    }
}

/// Returns whether drop-ins belong to an instance of a template.
fn is_instance(of: &DropIns, template: &str) -> bool {
    of.unit().is_some_and(|unit| template.contains("@.") && DropIns { name: template.to_owned() }.has(unit))
}

/// Returns the drop-ins in the folders beside units.
fn drop_ins(units: &Path, is_meant: impl Fn(&DropIns) -> bool) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(if units.as_os_str().is_empty() { Path::new(".") } else { units });
    let names = entries.into_iter().flatten().filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let folders = names.filter(|name| drop_ins_of(name).is_some_and(|of| is_meant(&of)));
    folders
        .flat_map(|name| with_names(in_folder(&units.join(name)), |name| name.ends_with(".conf")))
        .collect()
}

fn with_names(files: Vec<PathBuf>, is_meant: impl Fn(&str) -> bool) -> impl Iterator<Item = PathBuf> {
    files.into_iter().filter(move |file| is_meant(file_name(file)))
}

fn file_name(file: &Path) -> &str {
    file.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

fn ends_with_any(name: &str, endings: &[&str]) -> bool {
    endings.iter().any(|ending| name.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drop_ins_belong_to_the_unit_its_template_its_prefix_and_its_type() {
        for (folder, unit, has) in [
            ("web.service.d", "web.service", true),
            ("web.service.d", "web2.service", false),
            ("web@.service.d", "web@.service", true),
            ("web@.service.d", "web@1.service", true),
            ("web@1.service.d", "web@1.service", true),
            ("web@1.service.d", "web@2.service", false),
            ("web@1.service.d", "web@.service", false),
            ("shop-.service.d", "shop-web.service", true),
            ("shop-.service.d", "shop.service", false),
            ("service.d", "web.service", true),
            ("service.d", "web.container", false),
            ("container.d", "web.container", true),
        ] {
            assert_eq!(drop_ins_of(folder).unwrap().has(unit), has, "{folder} {unit}");
        }
        assert!(["conf.d", "web.service", "web.timer.d"].iter().all(|folder| drop_ins_of(folder).is_none()));
    }

    #[test]
    fn neighbours_are_what_the_program_reads_beside_the_named_files() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for name in [
            "web.service",
            "web.service.d/a.conf",
            "web.service.d/b.txt",
            "job@.service",
            "job@1.service.d/a.conf",
            "service.d/all.conf",
            "compose.yaml",
            "compose.override.yaml",
            "compose.prod.yaml",
            "main.tf",
            "values.tf",
            "prod.tfvars",
            "env/eu/prod.tfvars",
            "env/eu/a/b/prod.tfvars",
            "env/values.tf",
            "deploy.yaml",
            "Dockerfile",
            "gunicorn.conf.py",
            "rootfs/usr/lib/systemd/system/api.service",
            "rootfs/etc/systemd/system/api.service.d/a.conf",
            "rootfs/etc/systemd/system/api2.service.d/a.conf",
        ] {
            let path = root.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        for (named, expected) in [
            ("web.service", &["service.d/all.conf", "web.service.d/a.conf"][..]),
            ("web.service.d/a.conf", &["service.d/all.conf", "web.service"]),
            ("job@.service", &["job@1.service.d/a.conf", "service.d/all.conf"]),
            ("job@1.service.d/a.conf", &["job@.service", "service.d/all.conf"]),
            ("compose.yaml", &["compose.override.yaml"]),
            ("compose.override.yaml", &["compose.yaml"]),
            ("compose.prod.yaml", &[]),
            ("main.tf", &["env/eu/prod.tfvars", "prod.tfvars", "values.tf"]),
            ("prod.tfvars", &[]),
            ("deploy.yaml", &[]),
            ("Dockerfile", &["gunicorn.conf.py"]),
            (
                "rootfs/usr/lib/systemd/system/api.service",
                &["rootfs/etc/systemd/system/api.service.d/a.conf"],
            ),
            (
                "rootfs/etc/systemd/system/api.service.d/a.conf",
                &["rootfs/usr/lib/systemd/system/api.service"],
            ),
        ] {
            let found = neighbours(&[root.join(named)]);
            let found: Vec<_> = found.iter().map(|path| path.strip_prefix(root).unwrap()).collect();
            assert_eq!(found, expected.iter().map(Path::new).collect::<Vec<_>>(), "{named}");
        }
    }
}
