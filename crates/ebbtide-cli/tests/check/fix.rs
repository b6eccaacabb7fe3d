//! `--fix` and `--diff`.

use std::fs;
use std::os::unix::fs::symlink;

use tempfile::tempdir;

use crate::{BAD, ebbtide, ebbtide_with_input, text};

/// The pod of `BAD` after its fix.
fn fixed() -> String {
    BAD.replace("spec:\n", "spec:\n  terminationGracePeriodSeconds: 42\n")
}

#[test]
fn a_fix_changes_the_file_and_the_report_is_about_what_is_left() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("bad.yaml");
    fs::write(&file, BAD).unwrap();
    let output = ebbtide(folder.path(), &["check", "--fix", "."]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    assert_eq!(fs::read_to_string(&file).unwrap(), fixed());
    assert!(text(&output.stdout).starts_with("0 errors, 0 warnings"), "{}", text(&output.stdout));
    let said = text(&output.stderr);
    assert!(
        said.contains("fixed[K001]: ./bad.yaml:7: Pod api: set terminationGracePeriodSeconds to 42"),
        "{said}"
    );
    let again = ebbtide(folder.path(), &["check", "--fix", "."]);
    assert_eq!((again.status.code(), again.stderr.len()), (Some(0), 0), "{}", text(&again.stderr));
    assert_eq!(fs::read_to_string(&file).unwrap(), fixed());
}

#[test]
fn a_finding_that_is_not_selected_is_not_fixed() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("bad.yaml");
    fs::write(&file, BAD).unwrap();
    let output = ebbtide(folder.path(), &["check", "--fix", "--ignore", "K001", "."]);
    assert_eq!((output.status.code(), fs::read_to_string(&file).unwrap()), (Some(0), BAD.to_owned()));
}

#[test]
fn a_diff_shows_the_edits_and_changes_nothing() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("bad.yaml");
    fs::write(&file, BAD).unwrap();
    let output = ebbtide(folder.path(), &["check", "--diff", "--format", "json=report.json", "bad.yaml"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        text(&output.stdout),
        "--- bad.yaml\n+++ bad.yaml\n@@ -4,6 +4,7 @@\n   name: api\n   annotations: {ebbtide.dev/drain: 40s}\n spec:\n\
         +  terminationGracePeriodSeconds: 42\n   containers:\n   - name: api\n     image: api\n"
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), BAD);
    let json: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.path().join("report.json")).unwrap()).unwrap();
    let fix = &json["findings"][0]["fix"];
    assert_eq!(fix["edits"][0]["text"], "  terminationGracePeriodSeconds: 42\n", "{json}");
    for words in [["--diff", "--fix"], ["--diff", "--format=json"]] {
        let output = ebbtide(folder.path(), &["check", words[0], words[1], "bad.yaml"]);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{words:?}");
    }
}

#[test]
fn a_fix_of_standard_input_prints_the_changed_text_alone() {
    let output = ebbtide_with_input(&["check", "--fix", "-"], BAD);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), fixed()));
    assert!(text(&output.stderr).contains("0 errors"), "{}", text(&output.stderr));
    let unchanged = ebbtide_with_input(&["check", "--fix", "-"], "a: 1 # b\n");
    assert_eq!(text(&unchanged.stdout), "a: 1 # b\n");
    let refused = ebbtide_with_input(&["check", "--fix", "--format", "json", "-"], BAD);
    assert_eq!((refused.status.code(), refused.stdout.len()), (Some(2), 0));
}

#[test]
fn a_file_outside_of_the_folder_is_named_and_left_alone() {
    let folder = tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("deploy")).unwrap();
    fs::write(at("outside.yaml"), BAD).unwrap();
    fs::write(at("deploy/pod.yaml"), BAD.replace("name: api\n  ann", "name: other\n  ann")).unwrap();
    symlink(at("outside.yaml"), at("deploy/link.yaml")).unwrap();
    let output = ebbtide(folder.path(), &["check", "--fix", "deploy"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("error: deploy/link.yaml was not fixed: it is a symbolic link to "), "{said}");
    assert_eq!(fs::read_to_string(at("outside.yaml")).unwrap(), BAD);
    // It is still in the report, and so is each file that cannot be written.
    let shown = text(&output.stdout);
    assert!(shown.contains("error[K001]: Pod api") && shown.contains("1 error, 0 warnings"), "{shown}");
    let json = text(&ebbtide(folder.path(), &["check", "--fix", "--format", "json", "deploy"]).stdout);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["findings"].as_array().map(Vec::len), Some(1), "{json}");
    // The others are.
    assert!(fs::read_to_string(at("deploy/pod.yaml")).unwrap().contains("Seconds: 42"));
}

/// The first document has the grace period that the second one resets: another one beside it would be its duplicate.
#[test]
fn an_edit_that_cannot_be_made_is_named_with_the_reason_and_the_others_are_made() {
    let folder = tempdir().unwrap();
    let before = "services:\n  a:\n    image: a\n    stop_grace_period: 70s\n    labels: {ebbtide.dev/drain: 60s}\n  b:\n    image: b\n    \
                  labels: {ebbtide.dev/drain: 60s}\n---\nservices:\n  a: {stop_grace_period: !reset null}\n";
    let file = folder.path().join("compose.yaml");
    fs::write(&file, before).unwrap();
    for option in ["--diff", "--fix"] {
        let said = ebbtide(folder.path(), &["check", option, "."]).stderr;
        let said = text(&said);
        assert!(
            said.contains("not fixed[C001]: ./compose.yaml:") && said.contains("duplicate key"),
            "{said}"
        );
    }
    let after = fs::read_to_string(&file).unwrap();
    assert_eq!(after, before.replace("image: b\n", "image: b\n    stop_grace_period: 62s\n"));
}
