//! Completions, manual pages, and the files for CI.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::common::{SMALL, ebbtide, need, service};
use crate::ports::free_port;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

fn stdout(arguments: &[&str]) -> String {
    let output = ebbtide().args(arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Returns what bash completes after `words`.
fn completed(script: &Path, words: &[&str]) -> Vec<String> {
    let line = words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ");
    let (last, count) = (words.last().unwrap(), words.len() - 1);
    let before = words[count - 1];
    let program = format!(
        "source '{}'; COMP_WORDS=({line}); COMP_CWORD={count}; _ebbtide ebbtide '{last}' '{before}'; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        script.display()
    );
    let output = Command::new("bash").args(["--norc", "-c", &program]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_options_and_checks() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("ebbtide");
    fs::write(&script, stdout(&["completions", "bash"])).unwrap();
    assert_eq!(completed(&script, &["ebbtide", "re"]), ["rehearse", "replay"]);
    assert_eq!(completed(&script, &["ebbtide", "rehearse", "--until"]), ["--until-failure"]);
    assert_eq!(completed(&script, &["ebbtide", "explain", "exit-"]), ["exit-in-time", "exit-code"]);
}

#[test]
fn each_shell_has_completions_for_each_command_that_is_shown() {
    for shell in ["bash", "zsh", "fish"] {
        let script = stdout(&["completions", shell]);
        for command in [
            "rehearse",
            "check",
            "plan",
            "timeline",
            "replay",
            "explain",
            "demo",
            "language-server",
            "completions",
            "man",
        ] {
            assert!(script.contains(command), "{shell}: {command}");
        }
    }
    let unknown = ebbtide().args(["completions", "tcsh"]).output().unwrap();
    assert_eq!(unknown.status.code(), Some(2));
}

#[test]
fn each_command_that_is_shown_has_a_manual_page() {
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("man1");
    stdout(&["man", pages.to_str().unwrap()]);
    let mut names: Vec<String> = fs::read_dir(&pages)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    let expected = [
        "check",
        "completions",
        "demo",
        "explain",
        "language-server",
        "man",
        "plan",
        "rehearse",
        "replay",
        "timeline",
    ]
    .map(|name| format!("ebbtide-{name}.1"));
    assert_eq!(names, expected.into_iter().chain(["ebbtide.1".to_owned()]).collect::<Vec<_>>());
    let page = fs::read_to_string(pages.join("ebbtide-rehearse.1")).unwrap();
    for part in [".TH ebbtide-rehearse 1", ".SH LOAD", ".SH NOTES\n.nf\n", "Exit codes:"] {
        assert!(page.contains(part), "{part}");
    }
    let refused = ebbtide().args(["man", "/dev/null/x"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
}

/// The step of the action: quoted arguments arrive whole, nothing in them is executed, and the exit code is that of the command.
#[test]
fn the_script_of_the_action_rehearses_and_writes_the_results() {
    need("python3");
    let folder = tempfile::tempdir().unwrap();
    let results = folder.path().join("all results");
    let port = free_port();
    let arguments = format!(
        "{} --ready http://127.0.0.1:{port}/\n  --header 'X-Words: two words' --url 'storm=/?a=$(touch${{IFS}}{})'\n-- python3 \"{}\" {port}",
        SMALL.join(" "),
        folder.path().join("executed").display(),
        service("naive.py").display()
    );
    let output = Command::new(Path::new(ROOT).join("ci/rehearse.sh"))
        .env("EBBTIDE", env!("CARGO_BIN_EXE_ebbtide"))
        .env("EBBTIDE_ARGUMENTS", arguments)
        .env("EBBTIDE_RESULTS", &results)
        .env_remove("GITHUB_STEP_SUMMARY")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("\n::error title=ebbtide rehearse::FAIL"), "{said}");
    for file in ["rehearsal.json", "rehearsal.xml", "rehearsal.html"] {
        assert!(results.join(file).exists(), "{file}");
    }
    let json: Value = serde_json::from_slice(&fs::read(results.join("rehearsal.json")).unwrap()).unwrap();
    assert!(json["runs"][0]["routes"].to_string().contains("$(touch${IFS}"), "{json:#}");
    assert!(!folder.path().join("executed").exists());
}

/// The step for deployment files, whose results go beside those of the rehearsal.
#[test]
fn the_script_of_the_action_checks_and_writes_the_results() {
    let folder = tempfile::tempdir().unwrap();
    let results = folder.path().join("all results");
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: api, annotations: {ebbtide.dev/drain: 40s}}\nspec: {containers: [{name: api}]}\n";
    fs::create_dir(folder.path().join("two words")).unwrap();
    fs::write(folder.path().join("two words/pod.yaml"), pod).unwrap();
    let check = |arguments: &str| {
        let mut command = Command::new(Path::new(ROOT).join("ci/check.sh"));
        command.current_dir(folder.path()).env("EBBTIDE", env!("CARGO_BIN_EXE_ebbtide"));
        command.env("EBBTIDE_ARGUMENTS", arguments).env("EBBTIDE_RESULTS", &results).output().unwrap()
    };
    let output = check("--fail-on warning\n'two words' $(touch executed)");
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(2), "$(touch and executed) are files that do not exist\n{said}");
    assert!(said.contains("\n::error file=two words/pod.yaml,line=3,"), "{said}");
    for file in ["check.json", "check.xml", "check.sarif"] {
        assert!(results.join(file).exists(), "{file}");
    }
    assert!(!folder.path().join("executed").exists());
    assert_eq!(check("--ignore K001 'two words'").status.code(), Some(0));
}

#[test]
fn the_action_passes_its_inputs_to_the_scripts() {
    let action = fs::read_to_string(Path::new(ROOT).join("action.yml")).unwrap();
    for (script, input) in [("ci/rehearse.sh", "inputs.arguments"), ("ci/check.sh", "inputs.check")] {
        let text = fs::read_to_string(Path::new(ROOT).join(script)).unwrap();
        assert!(
            action.contains(&format!("EBBTIDE_ARGUMENTS: ${{{{ {input} }}}}")) && action.contains(script),
            "{script}"
        );
        for variable in ["EBBTIDE_ARGUMENTS", "EBBTIDE_RESULTS"] {
            assert!(
                action.contains(&format!("{variable}: ${{{{ inputs."))
                    && text.contains(&format!("${variable}"))
            );
        }
    }
    // An input inside of a script would be executed.
    assert!(
        action.lines().filter(|line| line.contains("run:")).all(|line| !line.contains("${{")),
        "{action}"
    );
}

/// The hook runs the command that a user has installed, on the files that the check reads.
#[test]
fn the_hook_of_pre_commit_calls_the_check() {
    let hooks = fs::read_to_string(Path::new(ROOT).join(".pre-commit-hooks.yaml")).unwrap();
    for line in
        ["  entry: ebbtide check\n", "  args: [.]\n", "  language: system\n", "  pass_filenames: false\n"]
    {
        assert!(hooks.contains(line), "{line}");
    }
    // The hook runs if a file that it is about has changed.
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("settings.yaml"), "a: 1\n").unwrap();
    let output = ebbtide().args(["check", "."]).current_dir(folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}
