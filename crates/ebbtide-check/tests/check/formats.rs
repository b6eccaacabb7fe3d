//! What other programs read is as they specify it.

use std::fs;
use std::process::Command;

use ebbtide_check::{RULES, Report, Severity, render};
use serde_json::Value;

use crate::common::check_all;

/// The findings of every bad example, a suppressed one, a broken file and names that need escaping.
fn report() -> Report {
    let mut files: Vec<(String, String)> = Vec::new();
    for rule in RULES {
        files
            .extend(rule.bad.iter().map(|file| (format!("{}/{}", rule.id, file.name), file.text.to_owned())));
    }
    let suppressed = "apiVersion: v1\nkind: Pod\nmetadata: {name: api}\nspec:\n  # ebbtide:ignore K004 a \"<test>\" & more\n  \
                      terminationGracePeriodSeconds: 0\n  containers: [{name: api, image: api}]\n";
    files.push(("with space, ü&<x>.yaml".to_owned(), suppressed.to_owned()));
    files.push(("broken.yaml".to_owned(), "apiVersion: [1\n".to_owned()));
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (&**name, &**text)).collect();
    check_all(&files)
}

/// Returns what the program `jsonschema` says about a document that does not have the schema of SARIF.
#[expect(clippy::expect_used, reason = "a helper that fails fails its test")]
fn complaint(log: &Value) -> Option<String> {
    let mut schema: Value = serde_json::from_str(include_str!("sarif-2.1.0.json")).unwrap();
    // The pattern of a language tag has a bracket too many, which only lenient engines accept; the check writes no language.
    for part in ["run", "toolComponent"] {
        schema["definitions"][part]["properties"]["language"].as_object_mut().unwrap().remove("pattern");
    }
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &Value| {
        let path = folder.path().join(name);
        fs::write(&path, content.to_string()).unwrap();
        path
    };
    let (schema, log) = (write("schema.json", &schema), write("log.json", log));
    let checked = Command::new("jsonschema").arg("--instance").args([log, schema]).output();
    let checked = checked.expect("`jsonschema` is missing: `cargo xtask test` installs it");
    (!checked.status.success()).then(|| String::from_utf8_lossy(&checked.stderr).into_owned())
}

#[test]
fn sarif_is_valid_by_its_schema() {
    let log: Value = serde_json::from_str(&render::sarif(&report())).unwrap();
    assert_eq!(complaint(&log), None);
    let results = log["runs"][0]["results"].as_array().unwrap();
    assert!(results.len() > RULES.len());
    assert!(results.iter().any(|result| result["suppressions"][0]["justification"] == "a \"<test>\" & more"));
    let fixes = results
        .iter()
        .filter(|result| result["fixes"][0]["artifactChanges"][0]["replacements"][0].is_object());
    assert!(fixes.count() > 10);
    // The opposite: the schema refuses what is not SARIF.
    let mut broken = log.clone();
    broken["runs"][0]["results"][0]["level"] = "fatal".into();
    assert!(complaint(&broken).is_some_and(|text| text.contains("fatal")));
}

#[test]
fn fingerprints_survive_lines_above_and_differ_between_findings() {
    let example = RULES.iter().find(|rule| rule.id == "K001").unwrap().bad[0];
    let print = |text: &str| {
        let log: Value = serde_json::from_str(&render::sarif(&check_all(&[("a.yaml", text)]))).unwrap();
        log["runs"][0]["results"][0]["partialFingerprints"]["ebbtide/v1"].as_str().unwrap().to_owned()
    };
    assert_eq!(print(example.text), print(&format!("# one\n# two\n{}", example.text)));
    assert_ne!(print(example.text), print(&example.text.replace("checkout", "other")));
}

#[test]
fn workflow_commands_have_one_line_each_and_escape_their_properties() {
    let text = render::github(&report(), Severity::Info);
    for line in text.lines() {
        assert!(
            line.starts_with("::error file=")
                || line.starts_with("::warning file=")
                || line.starts_with("::notice file="),
            "{line}"
        );
    }
    assert!(text.contains("::error file=broken.yaml,line=1,title=not checked::"), "{text}");
    assert!(!render::github(&report(), Severity::Warning).contains("::notice"));
}

#[test]
fn code_quality_has_the_required_fields() {
    let issues: Value = serde_json::from_str(&render::gitlab(&report(), Severity::Info)).unwrap();
    for issue in issues.as_array().unwrap() {
        for field in ["description", "check_name", "fingerprint", "severity"] {
            assert!(issue[field].is_string(), "{field}: {issue}");
        }
        assert!(
            issue["location"]["lines"]["begin"].is_u64() && issue["location"]["path"].is_string(),
            "{issue}"
        );
    }
}

/// A walk of the current folder puts `./` before each path, which is none of the repository.
#[test]
fn paths_of_the_current_folder_are_those_of_the_repository() {
    let text = "services:\n  db:\n    image: postgres\n    stop_signal: SIGKILL\n  api:\n    image: api\n    stop_grace_period: soon\n";
    let report = check_all(&[("./legacy/compose.yaml", text)]);
    let least = Severity::Info;
    for shown in [
        render::gitlab(&report, least),
        render::github(&report, least),
        render::sarif(&report),
        render::json(&report),
    ] {
        assert!(shown.contains("legacy/compose.yaml") && !shown.contains("./legacy"), "{shown}");
    }
}
