//! Input without a deployment file is never silent: what there is nothing of is wrong usage, and what is not recognised is noted.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use tempfile::tempdir;

use crate::{BAD, ebbtide, ebbtide_with_input, text};

fn write(folder: &Path, files: &[(&str, &str)]) {
    for (name, content) in files {
        fs::write(folder.join(name), content).unwrap();
    }
}

/// A program before a pipe that failed, or a typing error in a path, would pass otherwise.
#[test]
fn empty_input_and_a_folder_without_files_are_wrong_usage() {
    let folder = tempdir().unwrap();
    fs::create_dir(folder.path().join("empty")).unwrap();
    fs::create_dir(folder.path().join("notes")).unwrap();
    write(folder.path(), &[("blank.yaml", "\n"), ("notes/README.md", "Read me\n")]);
    for command in ["check", "timeline"] {
        for input in ["", "\n  \n"] {
            let output = ebbtide_with_input(&[command, "-"], input);
            assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{command}");
            assert_eq!(text(&output.stderr), "error: nothing to check: no text in standard input\n");
        }
        for input in ["# Source: shop/api.yaml\n", "---\n---\n# a\n...\n", "// a\n"] {
            let output = ebbtide_with_input(&[command, "-"], input);
            assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{command} {input}");
            let said =
                "error: nothing to check: nothing but comments and empty documents in standard input\n";
            assert_eq!(text(&output.stderr), said);
        }
        for (path, said) in [
            ("empty", "nothing to check: no file with the name of a deployment file in empty"),
            ("notes", "nothing to check: no file with the name of a deployment file in notes"),
            ("blank.yaml", "nothing to check: no text in blank.yaml"),
        ] {
            let output = ebbtide(folder.path(), &[command, path]);
            assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{command} {path}");
            assert_eq!(text(&output.stderr), format!("error: {said}\n"));
        }
    }
    // What cannot be read is a failure of its own.
    let missing = ebbtide(folder.path(), &["check", "missing.yaml"]);
    assert!(text(&missing.stdout).contains("No such file") && missing.stderr.is_empty(), "{missing:?}");
}

/// A link whose target was moved hides a deployment file: the others pass, and it is named.
#[test]
fn a_link_that_leads_to_nothing_is_noted_in_a_folder_and_fails_where_it_is_named() {
    let folder = tempdir().unwrap();
    symlink("moved.yaml", folder.path().join("api.yaml")).unwrap();
    symlink("loop.yaml", folder.path().join("loop.yaml")).unwrap();
    let alone = ebbtide(folder.path(), &["check", "."]);
    assert_eq!((alone.status.code(), alone.stdout.len()), (Some(2), 0), "{alone:?}");
    let said = text(&alone.stderr);
    assert!(
        said.starts_with("error: nothing to check: ./api.yaml: symbolic link that leads to no file"),
        "{said}"
    );
    write(folder.path(), &[("pod.yaml", &BAD.replace("40s", "4s"))]);
    let beside = ebbtide(folder.path(), &["check", "."]);
    let shown = text(&beside.stdout);
    assert_eq!(beside.status.code(), Some(0), "{shown}");
    for name in ["api.yaml", "loop.yaml"] {
        assert!(shown.contains(&format!("--> ./{name}")), "{shown}");
        let named = ebbtide(folder.path(), &["check", name]);
        assert_eq!(named.status.code(), Some(2), "{named:?}");
        assert!(text(&named.stdout).contains("error: not checked: cannot read the file"), "{named:?}");
    }
}

#[test]
fn files_of_other_programs_are_noted_and_pass() {
    let folder = tempdir().unwrap();
    write(folder.path(), &[("a.yaml", "a: 1\n"), ("b.json", "{}\n")]);
    let output = ebbtide(folder.path(), &["check", "."]);
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{shown}");
    assert!(
        shown.contains("note: not read: nothing recognised: no known deployment file among 2"),
        "{shown}"
    );
    let output = ebbtide(folder.path(), &["check", "--format", "json", "."]);
    assert!(text(&output.stdout).contains("nothing recognised"), "{}", text(&output.stdout));
    // Each file that is named is noted, beside others.
    write(folder.path(), &[("pod.yaml", &BAD.replace("40s", "4s"))]);
    let output = ebbtide(folder.path(), &["check", "a.yaml", "pod.yaml"]);
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{shown}");
    assert!(
        shown.contains("nothing recognised: the text is none of") && shown.contains("--> a.yaml"),
        "{shown}"
    );
    // The folder has one that is.
    let output = ebbtide(folder.path(), &["check", "."]);
    assert!(!text(&output.stdout).contains("nothing recognised"), "{}", text(&output.stdout));
    let drawn = ebbtide(folder.path(), &["timeline", "a.yaml", "pod.yaml"]);
    assert_eq!(drawn.status.code(), Some(0));
    assert!(text(&drawn.stderr).contains("a.yaml: nothing recognised"), "{}", text(&drawn.stderr));
}

#[test]
fn a_named_file_that_cannot_be_parsed_ends_with_2_and_is_left_alone_in_a_folder() {
    let folder = tempdir().unwrap();
    let files = [
        ("settings.toml", "a = ["),
        ("settings.json", "{,}"),
        ("bad.service", "[Service\nExecStart=/bin/a\n"),
        ("Containerfile", "FORM a\n"),
    ];
    write(folder.path(), &files);
    for (name, _) in files {
        let output = ebbtide(folder.path(), &["check", name]);
        assert_eq!(output.status.code(), Some(2), "{name}: {}", text(&output.stdout));
        assert!(text(&output.stdout).contains(name), "{}", text(&output.stdout));
    }
    assert_eq!(ebbtide(folder.path(), &["check", "."]).status.code(), Some(0));
    let input = ebbtide_with_input(&["check", "-"], "a: [\n");
    assert_eq!(input.status.code(), Some(2), "{}", text(&input.stdout));
}

#[test]
fn no_path_at_all_is_wrong_usage_with_a_hint() {
    let output = ebbtide(Path::new("/"), &["check", "--info"]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{output:?}");
    let said = text(&output.stderr);
    assert!(said.starts_with("error: no file or folder given\nhint: `ebbtide check .`"), "{said}");
}

/// What other programs leave behind is noted, and what was meant for a deployment fails.
#[test]
fn a_broken_file_of_another_program_does_not_fail_the_check_of_a_folder() {
    let folder = tempdir().unwrap();
    write(folder.path(), &[("mkdocs.yml", "nav: [\n"), ("tsconfig.json", "{\"a\": 1,}\n")]);
    let output = ebbtide(folder.path(), &["check", "."]);
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{shown}");
    assert!(shown.contains("note: not read: ") && !shown.contains("tsconfig"), "{shown}");
    write(folder.path(), &[("stack.yml", "services: [\n")]);
    let output = ebbtide(folder.path(), &["check", "."]);
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(2), "{shown}");
    assert!(
        shown.ends_with(
            "1 part not checked; in the rest 0 errors, 0 warnings in 0 workloads, 0 deployment files\n"
        ),
        "{shown}"
    );
}
