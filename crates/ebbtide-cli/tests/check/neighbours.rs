//! A file that is named alone is read together with what the program that uses it reads beside it.

use std::fs;
use std::path::Path;

use tempfile::tempdir;

use crate::{ebbtide, text};

fn write(folder: &Path, name: &str, content: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

const UNIT: &str = "[Service]\nExecStart=/bin/web\nX-EbbtideDrain=60s\nTimeoutStopSec=30\n";
const LONGER: &str = "[Service]\nTimeoutStopSec=90\n";
const COMPOSE: &str = "services:\n  web:\n    image: web\n    labels: {ebbtide.dev/drain: 60s}\n";
const OVERRIDE: &str = "services:\n  web:\n    stop_grace_period: 90s\n";
const MODULE: &str = "resource \"aws_ecs_task_definition\" \"web\" {\n  family = \"web\"\n  container_definitions = jsonencode([{ name = \
                      \"web\", image = \"web\", stopTimeout = local.stop, command = [\"gunicorn\", \"--graceful-timeout\", \"60\"] }])\n}\n";

/// A hook of pre-commit names the files that changed.
#[test]
fn a_file_has_the_exit_code_of_its_folder() {
    for (file, content, neighbour, other) in [
        ("web.service", UNIT, "web.service.d/stop.conf", LONGER),
        ("web@.service", UNIT, "web@.service.d/stop.conf", LONGER),
        ("compose.yaml", COMPOSE, "compose.override.yaml", OVERRIDE),
        ("main.tf", MODULE, "values.tf", "locals {\n  stop = 90\n}\n"),
    ] {
        let folder = tempdir().unwrap();
        write(folder.path(), &format!("a/{file}"), content);
        let alone = ebbtide(folder.path(), &["check", &format!("a/{file}")]);
        let is_known = !file.ends_with(".tf");
        assert_eq!(alone.status.code(), Some(i32::from(is_known)), "{}", text(&alone.stdout));
        write(folder.path(), &format!("a/{neighbour}"), other);
        for (at, path) in [(".", "a"), (".", &format!("a/{file}")), ("a", file), ("a", &format!("./{file}"))]
        {
            let output = ebbtide(&folder.path().join(at), &["check", path]);
            assert_eq!(output.status.code(), Some(0), "{path}: {}", text(&output.stdout));
        }
        // Too short after all, also where the neighbour is what is named.
        write(folder.path(), &format!("a/{neighbour}"), &other.replace("90", "50"));
        for path in [file, neighbour].iter().filter(|path| !path.ends_with("values.tf")) {
            let output = ebbtide(&folder.path().join("a"), &["check", path]);
            assert_eq!(output.status.code(), Some(1), "{path}: {}", text(&output.stdout));
        }
    }
}

#[test]
fn the_variables_of_a_unit_are_read_beside_it_and_below_its_root() {
    let unit = "[Service]\nExecStart=/bin/web\nTimeoutStopSec=30\nEnvironmentFile=-/etc/default/web\n";
    for (name, file) in [
        ("deploy/web.service", "deploy/web"),
        ("root/etc/systemd/system/web.service", "root/etc/default/web"),
    ] {
        let folder = tempdir().unwrap();
        write(folder.path(), name, unit);
        assert_eq!(ebbtide(folder.path(), &["check", name]).status.code(), Some(0));
        write(folder.path(), file, "# seconds\nEBBTIDE_GRACE=60\n");
        for path in [name, "."] {
            let output = ebbtide(folder.path(), &["check", path]);
            assert_eq!(output.status.code(), Some(1), "{path}: {}", text(&output.stdout));
            assert!(text(&output.stdout).contains(&format!("{file}:2")), "{}", text(&output.stdout));
        }
        write(folder.path(), file, "EBBTIDE_GRACE=12\n");
        assert_eq!(ebbtide(folder.path(), &["check", name]).status.code(), Some(0));
    }
}

/// The values of the environments are often in folders of their own.
#[test]
fn the_default_of_a_variable_that_a_file_below_sets_is_no_value() {
    let folder = tempdir().unwrap();
    let module =
        format!("{}variable \"stop\" {{\n  default = 5\n}}\n", MODULE.replace("local.stop", "var.stop"));
    write(folder.path(), "main.tf", &module);
    let found = || text(&ebbtide(folder.path(), &["check", "main.tf"]).stdout);
    assert!(found().contains("E002"), "{}", found());
    write(folder.path(), "env/eu/prod.tfvars", "stop = 90\n");
    assert!(!found().contains("E002"), "{}", found());
    write(folder.path(), "env/eu/prod.tfvars", "other = 90\n");
    assert!(found().contains("E002"), "{}", found());
}

#[test]
fn a_fix_of_a_file_leaves_its_neighbours_as_they_are() {
    let folder = tempdir().unwrap();
    let short = OVERRIDE.replace("90", "20");
    write(folder.path(), "compose.yaml", COMPOSE);
    write(folder.path(), "compose.override.yaml", &short);
    let output = ebbtide(folder.path(), &["check", "--fix", "compose.yaml"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
    let read = || fs::read_to_string(folder.path().join("compose.override.yaml")).unwrap();
    assert_eq!(read(), short);
    assert_eq!(ebbtide(folder.path(), &["check", "--fix", "."]).status.code(), Some(0));
    assert!(read().contains("62s"), "{}", read());
}
